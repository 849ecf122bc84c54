/** What timers take (2^31 - 1). */
const LONGEST_TIMER_MS = 2 ** 31 - 1

/** What comes first; `over` when nothing does within that many milliseconds, which may be Infinity. */
export async function within<T>(milliseconds: number, ...events: Promise<T>[]): Promise<T | 'over'> {
  let timer: NodeJS.Timeout | undefined
  const over = new Promise<'over'>((resolve) => {
    timer = setTimeout(resolve, Math.min(Math.max(milliseconds, 0), LONGEST_TIMER_MS), 'over')
  })
  return Promise.race([over, ...events]).finally(() => {
    clearTimeout(timer)
  })
}
