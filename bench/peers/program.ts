import { spawn } from 'node:child_process'
import { memoryOf } from '../support/memory.ts'
import type { BenchNetns } from '../support/netns.ts'
import { OverTime } from './peer.ts'

const MEMORY_INTERVAL_MS = 10

export interface ProgramRun {
  /** From before the process is made until it has ended. Milliseconds. */
  readonly milliseconds: number
  /** Its highest resident memory, looked at every 10 ms: 0 for one that was shorter. Bytes. */
  readonly peakBytes: number
}

/** Runs a program in a namespace with text on its standard input. @throws OverTime, and what it says when it fails */
export async function runProgram(
  netns: BenchNetns,
  command: readonly [string, ...string[]],
  input: string,
  boundMs: number,
): Promise<ProgramRun> {
  const [program, ...args] = command
  const start = performance.now()
  const child = netns.run(() => spawn(program, args, { stdio: ['pipe', 'ignore', 'pipe'] }))
  let errors = ''
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString()
  })
  child.stdin.on('error', () => {
    // It ended before it had read everything, and says why.
  })
  child.stdin.end(input)
  let peakBytes = 0
  const watch = setInterval(() => {
    peakBytes = Math.max(peakBytes, peakMemory(child.pid ?? 0))
  }, MEMORY_INTERVAL_MS)
  const late = new AbortController()
  const bound = setTimeout(() => {
    late.abort()
    child.kill('SIGKILL')
  }, boundMs)
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', resolve)
    })
    const milliseconds = performance.now() - start
    if (late.signal.aborted) throw new OverTime(program, boundMs)
    if (code !== 0) throw new Error(`${command.join(' ')} failed: ${errors.slice(0, 500)}`)
    return { milliseconds, peakBytes }
  } finally {
    clearInterval(watch)
    clearTimeout(bound)
  }
}

/** Highest resident memory of a process, in bytes; 0 when there is no such process. */
export function peakMemory(pid: number): number {
  try {
    // A process that has just ended is still listed, without its memory.
    return memoryOf(pid).peak * 1e6 || 0
  } catch {
    return 0
  }
}
