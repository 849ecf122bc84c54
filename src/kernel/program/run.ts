import { spawn } from 'node:child_process'
import { once } from 'node:events'

/**
 * - `PROGRAM_MISSING`: it is not on the path.
 * - `PROGRAM_FAILED`: it could not be run, took too long, or ended with a failure; the message repeats what it wrote.
 */
export type ProgramErrorCode = 'PROGRAM_MISSING' | 'PROGRAM_FAILED'

export class ProgramError extends Error {
  readonly code: ProgramErrorCode

  constructor(code: ProgramErrorCode, message: string, options: { cause?: unknown } = {}) {
    super(message, options)
    this.name = 'ProgramError'
    this.code = code
  }
}

/**
 * Runs a program to its end, without a shell.
 *
 * @param input what it reads from standard input; empty unless told.
 * @returns what it wrote to standard output.
 * @throws ProgramError
 */
export type RunProgram = (program: string, args: readonly string[], input?: string) => Promise<string>

/** Where a service manager's short PATH does not look. */
const SYSTEM_FOLDERS = '/usr/local/sbin:/usr/sbin:/sbin'
const TIMEOUT_MS = 60_000

/** Runs a program of this machine. */
export const runProgram: RunProgram = async (program, args, input = '') => {
  const env = { ...process.env, PATH: `${process.env['PATH'] ?? '/usr/bin:/bin'}:${SYSTEM_FOLDERS}` }
  const child = spawn(program, [...args], { env, timeout: TIMEOUT_MS, stdio: 'pipe' })
  const output: Buffer[] = []
  const complaints: Buffer[] = []
  child.stdout.on('data', (part: Buffer) => output.push(part))
  child.stderr.on('data', (part: Buffer) => complaints.push(part))
  // One that ends without reading all of its input says why by its exit code.
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  let end: [number | null, NodeJS.Signals | null]
  try {
    end = (await once(child, 'close')) as typeof end
  } catch (error) {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT'
    const message = isMissing ? `the program ${program} is not there` : `the program ${program} cannot be run`
    throw new ProgramError(isMissing ? 'PROGRAM_MISSING' : 'PROGRAM_FAILED', message, { cause: error })
  }
  const [code, signal] = end
  if (code === 0) return Buffer.concat(output).toString()
  const text = Buffer.concat(complaints).toString().trim()
  throw new ProgramError('PROGRAM_FAILED', `${program} ended with ${signal ?? `code ${code}`}: ${text}`)
}
