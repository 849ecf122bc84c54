import { readFileSync } from 'node:fs'
import koffi from 'koffi'

const RUSAGE_CHILDREN = -1
/** USER_HZ is 100 on all machines that Sluice supports. */
const TICK_MS = 10
/** Bytes of struct rusage, with room to spare. */
const RUSAGE_BYTES = 256

const getrusage = koffi.load(null).func('int getrusage(int who, _Out_ void *usage)')

/** CPU time of this process with all its threads, in milliseconds. Unlike the clock it knows nothing of other processes. */
export function ownCpu(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/** CPU time of the calling thread alone, in milliseconds. */
export function mainThreadCpu(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}

/** CPU time of a process that runs, in milliseconds, as exact as the kernel's ticks of 10 ms. */
export function processCpu(pid: number): number {
  // Behind the name, which is in parentheses, utime and stime are the 12th and 13th field (proc_pid_stat(5)).
  const [, fields = ''] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')
  const [user = 0, system = 0] = fields.split(' ').slice(11, 13).map(Number)
  return (user + system) * TICK_MS
}

/** CPU time of all children that have ended, in milliseconds. */
export function childrenCpu(): number {
  const usage = Buffer.alloc(RUSAGE_BYTES)
  getrusage(RUSAGE_CHILDREN, usage)
  // struct timeval ru_utime, ru_stime: seconds and microseconds.
  const time = (at: number) => Number(usage.readBigInt64LE(at)) * 1000 + Number(usage.readBigInt64LE(at + 8)) / 1000
  return time(0) + time(16)
}
