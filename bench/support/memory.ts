import { readFileSync } from 'node:fs'

/** Resident memory of a process now, and at its peak so far, in MB (10^6 bytes). */
export function memoryOf(pid: number): { resident: number; peak: number } {
  const text = readFileSync(`/proc/${pid}/status`, 'utf8')
  const read = (field: string) => (Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(text)?.[1]) * 1024) / 1e6
  return { resident: read('VmRSS'), peak: read('VmHWM') }
}
