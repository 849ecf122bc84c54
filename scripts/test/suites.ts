import { installMissingPackages } from '../debian-packages.ts'
import type { ChildRunner } from './child.ts'
import { type ConformanceOptions, runConformance } from './conformance.ts'
import type { Count } from './count.ts'
import { runVitest } from './vitest.ts'

/** A part of the tests that runs, and is counted, on its own. */
export interface Suite {
  readonly name: string
  /** `--only` takes this as well as the name. */
  readonly group: string
  /** What it shows, for the reader of the output. */
  readonly what: string
  readonly needsRoot: boolean
  /** Rejects when the suite crashes, which counts as one failure. */
  readonly run: (runner: ChildRunner, vitestArguments: readonly string[]) => Promise<Count>
}

/** The probes of kube-proxy's own tests of packets. */
const PACKET_FLOW = 'pf-*'

/** In the order in which they run: what fails soonest comes first. */
export const suites: readonly Suite[] = [
  check('build', 'build', 'the bundles', 'scripts/bootstrap.mjs', ['build']),
  check('lint', 'types', 'tsc', 'node_modules/typescript/bin/tsc', ['--project', '.']),
  check('lint', 'format', 'Biome', 'node_modules/@biomejs/biome/bin/biome', ['ci', '--colors=off']),
  check('lint', 'boundaries', 'imports go one way', 'scripts/boundaries.ts', []),
  check('lint', 'dead-code', 'Knip', 'node_modules/knip/bin/knip.js', []),
  check('lint', 'eslint', 'typescript-eslint', 'node_modules/eslint/bin/eslint.js', ['--max-warnings=0', '.']),
  {
    name: 'unit',
    group: 'unit',
    what: 'Vitest, beside the code',
    needsRoot: false,
    run: (runner, args) => runVitest(runner, 'unit', 300, args),
  },
  {
    name: 'lab',
    group: 'lab',
    what: 'Vitest, with packets in network namespaces',
    needsRoot: true,
    run: async (runner, args) => {
      await installMissingPackages(runner)
      return runVitest(runner, 'lab', 1200, args)
    },
  },
  conformance({ name: 'conformance', source: 'file', limitSeconds: 600 }),
  // An object is an event of its own here, so that Sluice serves what belongs together in two syncs, a second apart.
  conformance({ name: 'conform-kube', source: 'kube', limitSeconds: 1200 }),
  // The transports differ only in how bytes get across: one carries all cases, the others those whose packets take every way.
  conformance({ name: 'conform-api', source: 'api-unix', limitSeconds: 900 }),
  conformance({ name: 'conform-tcp', source: 'api-tcp', filter: PACKET_FLOW, limitSeconds: 300 }),
  conformance({ name: 'conform-tls', source: 'api-tls', filter: PACKET_FLOW, limitSeconds: 300 }),
  {
    name: 'bench',
    group: 'bench',
    what: 'the benchmark at its smallest size: that it runs, not how fast',
    needsRoot: true,
    run: async (runner) => {
      await installMissingPackages(runner)
      const code = await runner.runNode('scripts/bench.ts', ['--quick', '--services', '100'], 600)
      return { passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, skipped: 0 }
    },
  },
]

/** Undefined when the suite can run here. */
export function reasonToLeaveOut(suite: Suite): string | undefined {
  if (!suite.needsRoot || process.getuid?.() === 0) return undefined
  return 'it makes network namespaces, for which it must be run as root'
}

/** The cases of the Service contract, or some of them, fed through a source. */
function conformance({ name, ...options }: { readonly name: string } & Omit<ConformanceOptions, 'plane'>): Suite {
  const { source, filter } = options
  return {
    name,
    group: 'conformance',
    what: `${filter === undefined ? 'the' : filter} cases of the Service contract, with packets, fed through ${source}`,
    needsRoot: true,
    run: async (runner) => {
      await installMissingPackages(runner)
      return runConformance(runner, { plane: 'nft', ...options })
    },
  }
}

/** A program that passes or fails as a whole: one test. */
function check(group: string, name: string, what: string, script: string, args: readonly string[]): Suite {
  const run = async (runner: ChildRunner): Promise<Count> => {
    const code = await runner.runNode(script, args, 300)
    return { passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, skipped: 0 }
  }
  return { name, group, what, needsRoot: false, run }
}
