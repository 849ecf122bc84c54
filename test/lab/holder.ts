import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { LabError } from './error.ts'

/** A process that does nothing but live in a new, anonymous network namespace and so keep it in being. */
export interface Holder {
  child: ChildProcess
  pid: number
}

/**
 * Starts a holder. It dies with us two ways: the kernel kills it when our thread dies, and `cat` ends when its input
 * ends, which also covers our dying before setpriv has asked for the signal. That cat answers the first byte proves
 * that unshare has happened, so nobody needs to look at namespace inodes.
 */
export async function startHolder(): Promise<Holder> {
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', 'unshare', '--net', 'cat'], {
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  child.stdin.on('error', () => {})
  child.stdin.write('.')
  const ready = once(child.stdout, 'data').then(() => true)
  const ended = once(child, 'exit').then(() => false)
  const alive = await Promise.race([ready, ended])
  if (!alive || child.pid === undefined) {
    throw new LabError('COMMAND_FAILED', `cannot hold a network namespace: ${stderr.trim()}`, { stderr })
  }
  // A lab that is still open does not keep its program running.
  child.unref()
  for (const stream of child.stdio) (stream as Socket | null)?.unref()
  return { child, pid: child.pid }
}
