import { spawnSync } from 'node:child_process'
import { closeSync, openSync, writeFileSync } from 'node:fs'
import koffi from 'koffi'
import { inNetns } from '../../test/lab/netns.ts'

const CLONE_NEWNET = 0x40000000
/** As bin/sluice runs Node, and the collector within reach. */
const NODE_FLAGS = ['--max-semi-space-size=4', '--expose-gc']
/** Says that this process is in a namespace of its own already. */
const MARK = 'SLUICE_BENCH_NETNS'

/**
 * Runs `main` in a new, anonymous network namespace: the program starts itself again through `unshare`. It vanishes with
 * the process, and a mistake in a benchmark cannot reach the machine's own ruleset.
 */
export async function inOwnNetns(main: () => Promise<void>): Promise<void> {
  if (process.env[MARK] !== undefined) return main()
  const [script = '', ...args] = process.argv.slice(1)
  const own = [process.execPath, ...process.execArgv, ...NODE_FLAGS, script, ...args]
  const { status, error } = spawnSync('unshare', ['--net', ...own], {
    stdio: 'inherit',
    env: { ...process.env, [MARK]: '1' },
  })
  if (error !== undefined) console.error(`cannot start unshare: ${error.message}; benchmarks need root and util-linux`)
  process.exitCode = status ?? 1
}

/** An anonymous network namespace that lives as long as this process, or until it is closed. */
export class BenchNetns {
  readonly #fd: number

  constructor() {
    // It is the calling thread alone that moves, and inNetns brings it back.
    const home = openSync('/proc/thread-self/ns/net', 'r')
    this.#fd = inNetns(home, () => {
      if ((unshare(CLONE_NEWNET) as number) !== 0) throw new Error('cannot make a network namespace')
      return openSync('/proc/thread-self/ns/net', 'r')
    })
    closeSync(home)
  }

  /** Runs a synchronous function inside; sockets that it opens and processes that it starts stay there. */
  run<T>(fn: () => T): T {
    return inNetns(this.#fd, fn)
  }

  /** Runs lines of `ip -batch`. */
  ip(...lines: string[]): void {
    this.#command('ip', ['-batch', '-'], `${lines.join('\n')}\n`)
  }

  /** Runs `nft -f -`. */
  nft(text: string): void {
    this.#command('nft', ['-f', '-'], text)
  }

  /** What nft says, and how it ended: `nft list ruleset` can be killed by its own assertion. */
  nftResult(args: readonly string[], input = ''): { stdout: string; stderr: string; code: number | string } {
    const result = this.run(() => spawnSync('nft', args, { input, encoding: 'utf8', maxBuffer: 1 << 30 }))
    return { stdout: result.stdout, stderr: result.stderr, code: result.status ?? result.signal ?? 'not started' }
  }

  /** An interface of this namespace that is one end of a wire to another; both are up. */
  wire(name: string, other: BenchNetns, otherName: string): void {
    const far = `/proc/${process.pid}/fd/${other.#fd}`
    this.ip(`link add name ${name} type veth peer name ${otherName} netns ${far}`, `link set ${name} up`)
    other.ip(`link set ${otherName} up`)
  }

  sysctl(name: string, value: string | number): void {
    this.run(() => {
      writeFileSync(`/proc/sys/${name.replaceAll('.', '/')}`, String(value))
    })
  }

  close(): void {
    closeSync(this.#fd)
  }

  #command(command: string, args: readonly string[], input: string): void {
    const result = this.run(() => spawnSync(command, args, { input, encoding: 'utf8' }))
    if (result.status === 0) return
    throw new Error(`${command} ${args.join(' ')}: ${result.stderr.slice(0, 2000)}\n${input.slice(0, 2000)}`)
  }
}

const unshare = koffi.load(null).func('int unshare(int flags)')
