// One API server with 1,000 streams of distinct nodes, 5,000 Services x 10 endpoints, and 50 changes a second: processor time, memory, and
// how long until a change has arrived. Server and clients are processes of their own on one machine.
import { fork } from 'node:child_process'
import { parseArgs } from 'node:util'
import { CLIENTS_DEFAULT, type ClientReport, type ServerReport } from './streams/messages.ts'

const { values } = parseArgs({
  options: {
    streams: { type: 'string', default: String(CLIENTS_DEFAULT) },
    services: { type: 'string', default: '5000' },
    endpoints: { type: 'string', default: '10' },
    rate: { type: 'string', default: '50' },
    seconds: { type: 'string', default: '20' },
  },
})

const module = (name: string) => new URL(`./streams/${name}.ts`, import.meta.url).pathname
const server = fork(module('server'), [values.services, values.endpoints, values.streams])
const answer = async <T>(child: typeof server, kind: string): Promise<T> =>
  new Promise((resolve, reject) => {
    child.on('message', (message: { kind: string }) => {
      if (message.kind === kind) resolve(message as T)
    })
    child.once('exit', (code) => reject(new Error(`a process ended with ${code}`)))
  })

const { port } = await answer<{ port: number }>(server, 'listening')
const started = performance.now()
const clients = fork(module('clients'), [String(port), values.streams])
await answer(clients, 'synced')
const syncSeconds = (performance.now() - started) / 1000
const before = answer<ServerReport>(server, 'report')
server.send({ kind: 'report' })
const { rssMB: idleMB } = await before
clients.send({ kind: 'begin' })
server.send({ kind: 'change', rate: Number(values.rate), seconds: Number(values.seconds) })
const report = await answer<ServerReport>(server, 'done')
const clientReport = answer<ClientReport>(clients, 'report')
clients.send({ kind: 'report', expected: report.changes * Number(values.streams) })
const { latenciesMs, arrived, slowest, fastest } = await clientReport
const percentile = (of: number) => (latenciesMs[Math.floor((latenciesMs.length - 1) * of)] ?? Number.NaN).toFixed(1)

const rows: readonly (readonly [string, string])[] = [
  ['streams, Services, endpoints each', `${values.streams}, ${values.services}, ${values.endpoints}`],
  ['all streams have the first state after', `${syncSeconds.toFixed(1)} s`],
  ['memory of the server, nothing changing', `${idleMB.toFixed(0)} MB`],
  ['changes', `${report.changes} in ${report.seconds.toFixed(1)} s`],
  ['change sets sent to a stream, least and most', `${slowest}, ${fastest}`],
  ['processor of the server', `${((100 * report.cpuSeconds) / report.seconds).toFixed(0)} % of one core`],
  ['memory of the server, most', `${report.rssMB.toFixed(0)} MB`],
  ['changes that arrived', `${arrived} of ${report.changes * Number(values.streams)}`],
  ['until a change arrived, P50 P99 longest', `${percentile(0.5)}, ${percentile(0.99)}, ${percentile(1)} ms`],
]
for (const [what, value] of rows) console.log(`${what.padEnd(48)} ${value}`)
if (arrived !== report.changes * Number(values.streams)) process.exitCode = 1
clients.kill()
server.kill()
