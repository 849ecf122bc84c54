import { closeSync, openSync } from 'node:fs'
import { LabError } from './error.ts'
import { setns } from './libc.ts'

/**
 * Runs `fn` with the calling thread moved into the network namespace behind `fd`, and moves the thread back.
 * What `fn` opens (sockets) or starts (processes) stays in that namespace. `fn` must not be asynchronous: after its
 * first await it would go on in the wrong namespace.
 */
export function inNetns<T>(fd: number, fn: () => T): T {
  const home = openSync('/proc/thread-self/ns/net', 'r')
  let result: T
  try {
    setns(fd)
    try {
      result = fn()
    } finally {
      setns(home)
    }
  } finally {
    closeSync(home)
  }
  if (result instanceof Promise) throw new LabError('USAGE', 'a function run in a namespace must be synchronous')
  return result
}
