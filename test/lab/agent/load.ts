import { now } from '../clock.ts'
import type { LoadReport, LoadSpec, Result } from './protocol.ts'
import { request } from './request.ts'

/** A steady stream of requests inside an agent. */
export interface RunningLoad {
  report(): LoadReport
  /** Sends no more, and waits for what is under way. */
  close(): Promise<void>
}

/** Starts sending requests at a steady rate, whether or not earlier ones have been answered. */
export function startLoad(spec: LoadSpec): RunningLoad {
  const report: LoadReport = { sent: 0, failures: [], answered: {}, firstAnswer: {}, lastAnswer: {} }
  const pending = new Set<Promise<void>>()
  const started = now()
  const note = (result: Result) => {
    if (result.verdict !== 'answered') {
      report.failures.push(result)
      return
    }
    const { name } = result
    const arrived = result.at + result.ms
    report.answered[name] = (report.answered[name] ?? 0) + 1
    report.firstAnswer[name] = Math.min(report.firstAnswer[name] ?? arrived, arrived)
    report.lastAnswer[name] = Math.max(report.lastAnswer[name] ?? arrived, arrived)
  }
  const send = () => {
    report.sent++
    const one = request(spec).then(note)
    pending.add(one)
    void one.finally(() => pending.delete(one))
  }
  // A timer that is late makes up for it, so that the rate holds on a busy machine.
  const tick = () => {
    const due = Math.floor(((now() - started) * spec.perSecond) / 1000) + 1
    while (report.sent < due && pending.size < (spec.maxPending ?? Number.POSITIVE_INFINITY)) send()
  }
  tick()
  const timer = setInterval(tick, Math.max(1, 1000 / spec.perSecond))
  return {
    report: () => report,
    async close() {
      clearInterval(timer)
      await Promise.all(pending)
    },
  }
}
