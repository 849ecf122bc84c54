import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { LabError } from './error.ts'

/** What a finished command left. */
export interface ExecResult {
  stdout: string
  stderr: string
  code: number
}

/** How to run a command. */
export interface ExecOptions {
  input?: string
  /** After this time the command is killed and a LabError thrown; 30 s unless told. */
  timeoutMs?: number
  /** Return a result with a code other than 0 instead of throwing. */
  allowFailure?: boolean
  env?: NodeJS.ProcessEnv
  cwd?: string
}

/** Starts a command that the kernel kills when the thread that started it dies, even by SIGKILL. */
export function spawnBound(command: string, args: string[], options: SpawnOptions = {}): ChildProcess {
  return spawn('setpriv', ['--pdeathsig', 'KILL', command, ...args], options)
}

/** Waits for a child's end and its whole output. */
export async function collect(child: ChildProcess, what: string, options: ExecOptions = {}): Promise<ExecResult> {
  const { input, timeoutMs = 30_000, allowFailure = false } = options
  let stdout = ''
  let stderr = ''
  const late = new AbortController()
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  // A command that ends without reading its input is no error of ours.
  child.stdin?.on('error', () => {})
  child.stdin?.end(input ?? '')
  const timer = setTimeout(() => {
    late.abort()
    child.kill('SIGKILL')
  }, timeoutMs)
  try {
    const [code, signal] = (await once(child, 'close')) as [number | null, string | null]
    if (late.signal.aborted)
      throw new LabError('COMMAND_TIMEOUT', `${what}: still running after ${timeoutMs} ms`, { stderr })
    if (code !== 0 && !allowFailure) {
      const detail = stderr.trim() || stdout.trim()
      throw new LabError('COMMAND_FAILED', `${what}: ${signal ?? `code ${code}`}: ${detail}`, { stderr })
    }
    return { stdout, stderr, code: code ?? 128 }
  } catch (error) {
    if (error instanceof LabError) throw error
    throw new LabError('COMMAND_FAILED', `${what}: ${(error as Error).message}`, { cause: error })
  } finally {
    clearTimeout(timer)
  }
}

/** Kills a child by its pid unless it has ended, and waits until it has. */
export async function kill(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  child.ref()
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}
