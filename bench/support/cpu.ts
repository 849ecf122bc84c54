import koffi from 'koffi'

const RUSAGE_CHILDREN = -1
/** Bytes of struct rusage, with room to spare. */
const RUSAGE_BYTES = 256

const getrusage = koffi.load(null).func('int getrusage(int who, _Out_ void *usage)')

/** CPU time of this process with all its threads, in milliseconds. Unlike the clock it knows nothing of other processes. */
export function ownCpu(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/** CPU time of all children that have ended, in milliseconds. */
export function childrenCpu(): number {
  const usage = Buffer.alloc(RUSAGE_BYTES)
  getrusage(RUSAGE_CHILDREN, usage)
  // struct timeval ru_utime, ru_stime: seconds and microseconds.
  const time = (at: number) => Number(usage.readBigInt64LE(at)) * 1000 + Number(usage.readBigInt64LE(at + 8)) / 1000
  return time(0) + time(16)
}
