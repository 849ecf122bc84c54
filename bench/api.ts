// What Sluice costs the API server, and what it holds of a large cluster: 10,000 Services with 100,000 endpoints.
import { setTimeout as delay } from 'node:timers/promises'
import { ApiServerProcess } from '../test/apiserver/api-server-process.ts'
import { LOAD_NODE } from '../test/apiserver/load.ts'
import type { Traffic } from '../test/apiserver/process-messages.ts'
import { Lab, now } from '../test/lab/index.ts'
import { Instance } from '../test/sluice/instance.ts'
import { memoryOf } from './support/memory.ts'
import { printTable } from './support/table.ts'

const SIZE = { services: 10_000, endpoints: 10 }
const TARGET_MB = 250
/** How long the process may take to give memory back. Milliseconds. */
const SETTLE_MS = 5000
const CHANGES_A_SECOND = 200
const STEADY_MS = 20_000

await using lab = await Lab.create()
const node = await lab.node(LOAD_NODE, { addresses: ['192.168.50.11/24'] })
const api = await ApiServerProcess.start(node, SIZE)
const started = now()
const sluice = await Instance.start(node, {
  source: ['kube', '--server', api.url],
  args: ['--node-name', LOAD_NODE],
  timeoutMs: 120_000,
})
const served = now() - started
await delay(SETTLE_MS)
const settled = memoryOf(sluice.process.pid ?? 0)
const atStart = await api.traffic()
await api.churn(CHANGES_A_SECOND)
await delay(STEADY_MS)
await api.churn(0)
const later = await api.traffic()
const steady = later.map((one, i) => ({ ...one, bytesSent: one.bytesSent - (atStart[i]?.bytesSent ?? 0) }))
const afterwards = memoryOf(sluice.process.pid ?? 0)
await sluice.dispose()
await api.close()

/** By collection and kind of request. */
function rows(traffic: readonly Traffic[]): string[][] {
  const sums = new Map<string, { requests: number; bytes: number }>()
  for (const { collection, verb, bytesSent } of traffic) {
    const name = `${collection ?? 'unknown'} ${verb}`
    const { requests, bytes } = sums.get(name) ?? { requests: 0, bytes: 0 }
    sums.set(name, { requests: requests + 1, bytes: bytes + bytesSent })
  }
  return [...sums].sort().map(([name, sum]) => [name, String(sum.requests), megabytes(sum.bytes)])
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(2)
}

const HEADINGS = ['request', 'count', 'MB']
const { services, endpoints } = SIZE
console.log(`${services} Services with ${services * endpoints} endpoints; served after ${(served / 1000).toFixed(1)} s`)
printTable('from the start until it is served', HEADINGS, rows(atStart))
printTable(
  `in ${STEADY_MS / 1000} s with ${CHANGES_A_SECOND} changes of EndpointSlices a second; the count is of requests that are new`,
  HEADINGS,
  rows(steady).map(([name = '', count, bytes = '']) => {
    const before = rows(atStart).find(([other]) => other === name)?.[1] ?? '0'
    return [name, String(Number(count) - Number(before)), bytes]
  }),
)
printTable(
  'resident memory',
  ['when', 'MB', 'target'],
  [
    ['once settled', settled.resident.toFixed(0), `< ${TARGET_MB}`],
    ['at the peak', settled.peak.toFixed(0), ''],
    ['after the changes', afterwards.resident.toFixed(0), `< ${TARGET_MB}`],
  ],
)
