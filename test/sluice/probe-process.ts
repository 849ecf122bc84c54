import { request } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import type { ProbeReport, ProbeTarget } from './probe.ts'

/** Milliseconds between an answer and the next request. */
const PAUSE_MS = 5

const target = JSON.parse(process.argv[2] ?? '') as ProbeTarget
const times: number[] = []
let failures = 0
const stopping = new AbortController()

/** Resolves with true when it was answered well. */
async function ask(): Promise<boolean> {
  return new Promise((resolve) => {
    const outgoing = 'url' in target ? request(target.url, { agent: false }) : request({ ...target, agent: false })
    outgoing.on('response', (response) => {
      response.resume()
      response.on('end', () => {
        resolve(response.statusCode === 200)
      })
    })
    outgoing.on('error', () => {
      resolve(false)
    })
    outgoing.end()
  })
}

process.stdin.resume()
process.stdin.on('end', () => {
  stopping.abort()
})

// Not counted: the first one also loads what is needed to ask.
await ask()
process.stdout.write('asking\n')
while (!stopping.signal.aborted) {
  const start = performance.now()
  if (!(await ask())) failures++
  times.push(performance.now() - start)
  await delay(PAUSE_MS)
}
times.sort((a, b) => a - b)
const report: ProbeReport = {
  answers: times.length - failures,
  failures,
  slowest: times.at(-1) ?? 0,
  median: times[times.length >> 1] ?? 0,
}
process.stdout.write(`${JSON.stringify(report)}\n`)
