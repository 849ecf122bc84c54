// Keeps a HAProxy configuration in line with the cluster: a TCP backend for each port of each Service, for use with
// `haproxy -f haproxy.cfg -f FILE`. With a command behind it, that is run when the file has changed, to reload.
//
//   node examples/haproxy.ts ADDRESS NODE FILE [COMMAND [ARGUMENT...]]
import { execFileSync } from 'node:child_process'
import { runClient } from 'sluice/client'
import { type LocalService, portKey, type ServicePort } from 'sluice/model'
import { fullState, writeAtomically } from 'sluice/sink'

const [address, nodeName, file, command, ...args] = process.argv.slice(2)
if (address === undefined || nodeName === undefined || file === undefined) {
  console.error('usage: haproxy.ts ADDRESS NODE FILE [COMMAND [ARGUMENT...]]')
  process.exit(2)
}
const stopping = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort())

/** The endpoints that traffic from outside may be sent to; those that only finish what they serve get nothing new. */
function servers({ endpoints }: LocalService, port: ServicePort): string[] {
  const wanted = portKey(port.name, port.protocol)
  return endpoints
    .filter(({ scopes, ready }) => scopes.external && ready)
    .flatMap(({ address: ip, ports }) =>
      ports
        .filter(({ name, protocol }) => portKey(name, protocol) === wanted)
        .map((target) => (ip.includes(':') ? `[${ip}]:${target.port}` : `${ip}:${target.port}`)),
    )
    .sort()
}

function backends(local: LocalService): string[] {
  const { namespace, name, ports, clientIPAffinitySeconds: seconds } = local.service
  return ports
    .filter(({ protocol }) => protocol === 'TCP')
    .map((port) => {
      const affinity = seconds ? [`  stick-table type ipv6 size 100k expire ${seconds}s`, '  stick on src'] : []
      const lines = servers(local, port).map((server, i) => `  server s${i} ${server}`)
      return [`backend ${namespace}_${name}_${port.port}`, '  mode tcp', ...affinity, ...lines, ''].join('\n')
    })
}

let isLoaded = true
const sink = fullState('haproxy', async ({ services }) => {
  if (await writeAtomically(file, services.flatMap(backends).join('\n'))) isLoaded = false
  // When it fails this is called again, with the file as it is already.
  if (!isLoaded && command !== undefined) execFileSync(command, args, { stdio: 'inherit' })
  isLoaded = true
})
await runClient([sink], { address, nodeName, signal: stopping.signal, minIntervalMs: 500 })
