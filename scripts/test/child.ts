import { type ChildProcess, spawn } from 'node:child_process'

/** How long a program that is told to stop gets to clean up. */
const graceMilliseconds = 10_000

const sbin = ['/usr/local/sbin', '/usr/sbin', '/sbin']

/** Where tests find programs: nft and ip are in sbin, which is on no ordinary user's PATH, and not on every root's. */
export const searchPath: readonly string[] = [...new Set([...(process.env['PATH'] ?? '').split(':'), ...sbin])]

/**
 * Runs one program after the other with their output on ours. Each has a process group of its own, so that it can be
 * stopped with all that it started: a worker that spins outlives the program that waits for it.
 */
export class ChildRunner {
  #child: ChildProcess | undefined
  #stopped = false

  /** True once `stop` was called; nothing should be started then. */
  get stopped(): boolean {
    return this.#stopped
  }

  /** Passes a signal on to what runs now. */
  stop(signal: NodeJS.Signals): void {
    this.#stopped = true
    if (this.#child !== undefined) signalGroup(this.#child, signal)
  }

  /** Resolves to the exit code; rejects when the program cannot start, is killed, or takes longer than it may. */
  run(program: string, args: readonly string[], limitSeconds: number, env: NodeJS.ProcessEnv = {}): Promise<number> {
    return new Promise((resolve, reject) => {
      const child = spawn(program, args, {
        stdio: ['ignore', 'inherit', 'inherit'],
        detached: true,
        env: { ...process.env, PATH: searchPath.join(':'), ...env },
      })
      this.#child = child
      let hung = false
      let killTimer: NodeJS.Timeout | undefined
      const hangTimer = setTimeout(() => {
        hung = true
        signalGroup(child, 'SIGTERM')
        killTimer = setTimeout(() => signalGroup(child, 'SIGKILL'), graceMilliseconds)
      }, limitSeconds * 1000)
      child.on('error', reject)
      child.on('exit', (code, signal) => {
        clearTimeout(hangTimer)
        clearTimeout(killTimer)
        signalGroup(child, 'SIGKILL')
        this.#child = undefined
        if (hung) reject(new Error(`stopped, since it did not end within ${limitSeconds} s`))
        else if (code === null) reject(new Error(`killed by ${signal ?? 'a signal'}`))
        else resolve(code)
      })
    })
  }

  /** Runs a script on this very Node. */
  runNode(script: string, args: readonly string[], limitSeconds: number): Promise<number> {
    return this.run(process.execPath, [script, ...args], limitSeconds)
  }
}

function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, signal)
  } catch {
    // The whole group is gone.
  }
}
