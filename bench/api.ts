// What Sluice costs the API server, and what it holds of a large cluster: 10,000 Services with 100,000 endpoints.
import { setTimeout as delay } from 'node:timers/promises'
import { ApiServerProcess } from '../test/apiserver/api-server-process.ts'
import { LOAD_NODE } from '../test/apiserver/load.ts'
import type { Traffic } from '../test/apiserver/process-messages.ts'
import type { StreamingLists } from '../test/apiserver/watch.ts'
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
const HEADINGS = ['request', 'new', 'MB']

await using lab = await Lab.create()
const { services, endpoints } = SIZE
console.log(`${services} Services with ${services * endpoints} endpoints`)
await measure('lists as watches (KEP-3157)', 'offered')
await measure('lists in pages, from an API server without them', 'refused')

async function measure(title: string, streamingLists: StreamingLists): Promise<void> {
  const node = await lab.node(`${LOAD_NODE}-${streamingLists}`, { addresses: ['192.168.50.11/24'] })
  const api = await ApiServerProcess.start(node, { size: SIZE, streamingLists })
  const started = now()
  const source = ['kube', '--server', api.url]
  const sluice = await Instance.start(node, { source, args: ['--node-name', LOAD_NODE], timeoutMs: 120_000 })
  const served = now() - started
  await delay(SETTLE_MS)
  const memory = () => memoryOf(sluice.process.pid ?? 0)
  const [settled, atStart] = [memory(), await api.traffic()]
  await api.churn(CHANGES_A_SECOND)
  await delay(STEADY_MS)
  await api.churn(0)
  const [afterwards, later] = [memory(), await api.traffic()]
  await sluice.dispose()
  await api.close()

  const change = `in ${STEADY_MS / 1000} s with ${CHANGES_A_SECOND} changes of EndpointSlices a second`
  printTable(`${title}: from the start until it was served, ${(served / 1000).toFixed(1)} s`, HEADINGS, rows(atStart))
  printTable(`${title}: ${change}`, HEADINGS, rows(later, atStart))
  printTable(
    `${title}: resident memory`,
    ['when', 'MB', 'target'],
    [
      ['once settled', settled.resident.toFixed(0), `< ${TARGET_MB}`],
      ['at the peak', settled.peak.toFixed(0), ''],
      ['after the changes', afterwards.resident.toFixed(0), `< ${TARGET_MB}`],
    ],
  )
}

/** Sums by collection and kind of request; of what was not there before, if that is given. */
function rows(traffic: readonly Traffic[], before: readonly Traffic[] = []): string[][] {
  const sums = new Map<string, { requests: number; bytes: number }>()
  for (const [i, { collection, verb, status, bytesSent }] of traffic.entries()) {
    const name = `${collection ?? 'unknown'} ${verb}${status === 200 ? '' : ` (${status})`}`
    const { requests, bytes } = sums.get(name) ?? { requests: 0, bytes: 0 }
    const isNew = i >= before.length
    sums.set(name, { requests: requests + (isNew ? 1 : 0), bytes: bytes + bytesSent - (before[i]?.bytesSent ?? 0) })
  }
  return [...sums].sort().map(([name, { requests, bytes }]) => [name, String(requests), (bytes / 1e6).toFixed(2)])
}
