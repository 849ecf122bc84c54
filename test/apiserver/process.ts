// An API server with a large cluster as a process of its own, so that its load and its memory are not those of its client.
import { writeFileSync } from 'node:fs'
import { ApiServer } from './api-server.ts'
import { COLLECTIONS, type Collection } from './collections.ts'
import { LoadCluster } from './load.ts'
import type { Command, ProcessOptions, Report, Traffic } from './process-messages.ts'

const TICK_MS = 5
/** History is kept for so long at least, and else fills the memory. */
const HISTORY_MS = 60_000

const { size, streamingLists } = JSON.parse(process.argv[2] ?? '') as ProcessOptions
const cluster = new LoadCluster(size)
const api = new ApiServer({ withBulk: true, streamingLists })
for (const object of cluster.objects()) api.set(object)
let ticker: NodeJS.Timeout | undefined
let changes = 0

let history = api.resourceVersion
setInterval(() => {
  api.compactTo(history)
  history = api.resourceVersion
}, HISTORY_MS)

function traffic(): Traffic[] {
  return api.requests.map(({ collection, verb, query, status, bytesSent }) => {
    return { collection, verb, query: query.toString(), status, bytesSent }
  })
}

/** So many changes a second, evenly. */
function churn(perSecond: number): void {
  clearInterval(ticker)
  const [started, before] = [performance.now(), changes]
  ticker = setInterval(() => {
    const due = Math.floor(((performance.now() - started) / 1000) * perSecond)
    while (changes - before < due) {
      api.set(cluster.change(Math.random()))
      changes++
    }
  }, TICK_MS)
}

function answer(command: Command): Report {
  switch (command.kind) {
    case 'churn':
      churn(command.perSecond)
      return { kind: 'done' }
    case 'mark': {
      const { address, slice } = cluster.mark()
      const at = process.hrtime.bigint()
      api.set(slice)
      return { kind: 'marked', address, at: String(at) }
    }
    case 'traffic':
      return { kind: 'traffic', traffic: traffic() }
    case 'rest': {
      clearInterval(ticker)
      const objects = (Object.keys(COLLECTIONS) as Collection[]).flatMap((collection) => api.objects(collection))
      writeFileSync(command.file, JSON.stringify(objects))
      return { kind: 'rested', changes }
    }
  }
}

process.on('message', (command: Command) => process.send?.(answer(command)))
process.on('disconnect', () => process.exit())
await api.listen()
process.send?.({ kind: 'listening', url: api.url } satisfies Report)
