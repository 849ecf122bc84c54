/** A server that asks for more is asked again anyhow: a node must not stay behind for hours because of one answer. */
const LONGEST_MS = 300_000

/**
 * What `Retry-After` (RFC 9110, 10.2.3: seconds or a date) or a Status object's `retryAfterSeconds` asks for.
 *
 * @returns milliseconds, five minutes at most; 0 when it asks for nothing that makes sense.
 */
export function retryAfterMs(value: unknown): number {
  const milliseconds = isSeconds(value) ? Number(value) * 1000 : Date.parse(String(value)) - Date.now()
  return Number.isFinite(milliseconds) ? Math.min(Math.max(milliseconds, 0), LONGEST_MS) : 0
}

function isSeconds(value: unknown): boolean {
  return typeof value === 'number' || (typeof value === 'string' && /^\d+$/.test(value))
}
