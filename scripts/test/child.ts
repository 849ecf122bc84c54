import { type ChildProcess, spawn } from 'node:child_process'

/** How long a suite may take before it counts as hung; the whole of CI takes a fraction of it. */
const suiteTimeoutMilliseconds = 20 * 60_000
/** How long it then gets to clean up. */
const graceMilliseconds = 10_000

const sbin = ['/usr/local/sbin', '/usr/sbin', '/sbin']

/** Where tests find programs: nft and ip are in sbin, which is on no ordinary user's PATH, and not on every root's. */
export const searchPath: readonly string[] = [...new Set([...(process.env['PATH'] ?? '').split(':'), ...sbin])]

/** Runs one program after the other with their output on ours, and stops them when this process is told to stop. */
export class ChildRunner {
  #child: ChildProcess | undefined
  #stopped = false

  constructor() {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => {
        this.#stopped = true
        // Ctrl-C on a terminal has reached the child already.
        if (signal !== 'SIGINT' || !process.stdout.isTTY) this.#child?.kill(signal)
      })
    }
  }

  /** True once a signal asked for the end. */
  get stopped(): boolean {
    return this.#stopped
  }

  /** Resolves to the exit code; rejects when the program cannot start, is killed, or hangs. */
  run(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<number> {
    return new Promise((resolve, reject) => {
      const child = spawn(program, args, {
        stdio: ['ignore', 'inherit', 'inherit'],
        env: { ...process.env, PATH: searchPath.join(':'), ...env },
      })
      this.#child = child
      let hung = false
      let killTimer: NodeJS.Timeout | undefined
      const hangTimer = setTimeout(() => {
        hung = true
        child.kill('SIGTERM')
        killTimer = setTimeout(() => child.kill('SIGKILL'), graceMilliseconds)
      }, suiteTimeoutMilliseconds)
      child.on('error', reject)
      child.on('exit', (code, signal) => {
        clearTimeout(hangTimer)
        clearTimeout(killTimer)
        if (hung) reject(new Error(`did not end within ${suiteTimeoutMilliseconds / 60_000} minutes`))
        else if (code === null) reject(new Error(`killed by ${signal ?? 'a signal'}`))
        else resolve(code)
      })
    })
  }

  /** Runs a script on this very Node. */
  runNode(script: string, args: readonly string[]): Promise<number> {
    return this.run(process.execPath, [script, ...args])
  }
}
