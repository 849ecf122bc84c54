import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

/** Where the kernel's tables, rules, chains and elements are: pages of slabs and of large kmallocs, vmalloc, per-CPU memory. */
const FIELDS = ['SUnreclaim', 'VmallocUsed', 'Percpu']
const SETTLE_MS = 50
const SETTLE_ATTEMPTS = 20
/** Bytes; less than this between two looks is rest. */
const QUIET_BYTES = 256 << 10

/**
 * Kernel memory in use that cannot be reclaimed, on the whole machine, once it has come to rest: freed objects go only
 * after a grace period. Bytes.
 */
export async function kernelMemory(): Promise<number> {
  let before = inUse()
  for (let attempt = 0; attempt < SETTLE_ATTEMPTS; attempt++) {
    await delay(SETTLE_MS)
    const now = inUse()
    if (Math.abs(now - before) < QUIET_BYTES) return now
    before = now
  }
  return before
}

function inUse(): number {
  const text = readFileSync('/proc/meminfo', 'utf8')
  return FIELDS.reduce((sum, field) => {
    return sum + Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) * 1024
  }, 0)
}
