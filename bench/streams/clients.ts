import { setTimeout as delay } from 'node:timers/promises'
import { ClientCall } from '../../src/grpc/client.ts'
import { SYNC_OP } from '../../src/model/wire/op.ts'
import { WATCH_METHOD, watchRequest } from '../../src/model/wire/requests.ts'
import { type ClientReport, nowMicroseconds, STAMP } from './messages.ts'

const [port = 0, streams = 0] = process.argv.slice(2).map(Number)
/** Streams that take their first state at one time: a cluster does not start all of its nodes at once either. */
const AT_ONCE = 20
/** Milliseconds without news after which nothing more is expected. */
const QUIET_MS = 10_000

const SYNC = Buffer.from(SYNC_OP)
const latencies: number[] = []
const rounds = new Array<number>(streams).fill(0)
let isMeasuring = false
let lastNews = performance.now()

/** @param onSynced called once, after the first change set */
async function follow(index: number, onSynced: () => void): Promise<void> {
  const target = { address: { kind: 'tcp', host: '127.0.0.1', port } } as const
  const request = watchRequest('local', `node-${index}`)
  const call = ClientCall.open(target, WATCH_METHOD.local, new AbortController().signal)
  call.send(request)
  for await (const messages of call.messages()) {
    for (const message of messages) {
      if (message.equals(SYNC)) {
        if (rounds[index] === 0) onSynced()
        rounds[index] = (rounds[index] ?? 0) + 1
        call.send(request)
      } else if (isMeasuring) note(message)
    }
  }
}

function note(message: Buffer): void {
  const at = message.indexOf(STAMP)
  if (at < 0) return
  const [digits = ''] = /^\d+/.exec(message.toString('latin1', at + STAMP.length, at + STAMP.length + 20)) ?? []
  latencies.push((nowMicroseconds() - Number(digits)) / 1000)
  lastNews = performance.now()
}

let next = 0
await Promise.all(
  Array.from({ length: AT_ONCE }, async () => {
    while (next < streams) {
      const index = next++
      await new Promise<void>((resolve) => void follow(index, resolve))
    }
  }),
)

process.on('message', (message: { kind: string; expected: number }) => {
  if (message.kind === 'begin') {
    rounds.fill(1)
    isMeasuring = true
  } else void report(message.expected)
})

async function report(expected: number): Promise<void> {
  while (latencies.length < expected && performance.now() - lastNews < QUIET_MS) await delay(100)
  const sorted = latencies.sort((a, b) => a - b)
  const sent = rounds.map((count) => count - 1).sort((a, b) => a - b)
  const told: ClientReport = {
    latenciesMs: sorted,
    arrived: sorted.length,
    slowest: sent[0] ?? 0,
    fastest: sent.at(-1) ?? 0,
  }
  process.send?.({ kind: 'report', ...told })
}
process.send?.({ kind: 'synced' })
