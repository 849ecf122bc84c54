// Prints a line of JSON for each difference: what is new, what is another now, and what is gone.
//
//   node examples/json-lines.ts [ADDRESS [NODE]]
import { runClient } from 'sluice/client'
import { type IncrementalListener, incremental } from 'sluice/sink'

const [address = '127.0.0.1:12090', nodeName] = process.argv.slice(2)
const stopping = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort())

const print = (line: object) => console.log(JSON.stringify(line))

const listener: IncrementalListener = {
  setService: (service, { type, clusterIPs, ports }) => print({ op: 'setService', service, type, clusterIPs, ports }),
  deleteService: (service) => print({ op: 'deleteService', service }),
  setEndpoint: (service, key, { address: endpoint, local, scopes }) =>
    print({ op: 'setEndpoint', service, key, address: endpoint, local, scopes }),
  deleteEndpoint: (service, key) => print({ op: 'deleteEndpoint', service, key }),
  sync: () => print({ op: 'sync' }),
}

await runClient([incremental('json-lines', listener)], {
  address,
  ...(nodeName !== undefined && { nodeName }),
  signal: stopping.signal,
  onProblem: ({ object, message, origin }) => console.error(`${object || origin}: ${message}`),
})
