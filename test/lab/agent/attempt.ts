import { now } from '../clock.ts'
import type { Answer, Outcome, Result } from './protocol.ts'

/** Ends an attempt; calls after the first are ignored. */
export type Settle = (outcome: Outcome) => void

const underWay = new Set<Settle>()
let cancelling = false

/** Ends all attempts that are under way, and at once all that start later, until told otherwise. */
export function cancelAttempts(cancel: boolean): void {
  cancelling = cancel
  if (cancel) for (const settle of underWay) settle({ verdict: 'error', code: 'CANCELLED' })
}

/** Runs one request against the clock. `start` begins it and returns what frees its socket. */
export function attempt(timeoutMs: number | undefined, start: (settle: Settle) => () => void): Promise<Result> {
  const at = now()
  if (cancelling) return Promise.resolve({ verdict: 'error', code: 'CANCELLED', at, ms: 0 })
  return new Promise((resolve) => {
    let free: (() => void) | undefined
    const settle: Settle = (outcome) => {
      if (!underWay.delete(settle)) return
      const ms = now() - at
      clearTimeout(timer)
      free?.()
      resolve({ ...outcome, at, ms })
    }
    underWay.add(settle)
    const timer = setTimeout(settle, timeoutMs ?? 2000, { verdict: 'timeout' })
    try {
      free = start(settle)
      if (!underWay.has(settle)) free()
    } catch (error) {
      settle(failed(error))
    }
  })
}

/** The outcome an error of a socket stands for. */
export function failed(error: unknown): Outcome {
  const name = errnoName(error)
  if (name === 'ECONNREFUSED') return { verdict: 'refused' }
  if (name === 'ETIMEDOUT') return { verdict: 'timeout' }
  return { verdict: 'error', code: name }
}

/**
 * Whether a rule on this host took the packet that was to be sent. The call fails alike whether the rule refuses or
 * drops; an ICMP error follows only when it refuses, so the attempt has to go on to tell them apart.
 */
export function isFiltered(error: unknown): boolean {
  return errnoName(error) === 'EPERM'
}

function errnoName(error: unknown): string {
  const { code, errno } = error as { code?: string; errno?: unknown }
  return typeof errno === 'string' ? errno : (code ?? 'UNKNOWN')
}

/** The outcome a server's JSON stands for. */
export function answered(json: string): Outcome {
  try {
    return { verdict: 'answered', ...(JSON.parse(json) as Answer) }
  } catch {
    return { verdict: 'error', code: 'BAD_ANSWER' }
  }
}
