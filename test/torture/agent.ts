// `sluice kube to-local to-nft` as users run it, but for two things: it is as impatient as a test, and its clock can be set.
import { agentOptions } from '../../src/cli/agent-options.ts'
import { parseCommandLine } from '../../src/cli/command-line.ts'
import { fromCluster, toNft } from '../../src/cli/to-nft.ts'
import { serverUrl } from '../../src/sources/kube/api-server.ts'
import { KubeSource } from '../../src/sources/kube/kube-source.ts'
import { DEFAULT_TIMING } from '../../src/sources/kube/timing.ts'

/** By so much the clock is set with each SIGUSR2, now forth and now back. Milliseconds. */
const STEP_MS = 3_600_000

const TIMING = {
  ...DEFAULT_TIMING,
  watchMs: 3000,
  watchMarginMs: 500,
  idleMs: 500,
  answerMs: 500,
  listQuietMs: 300,
  retryMs: [5, 100],
  shortWatchMs: 20,
} as const

let offset = 0
const RealDate = Date
globalThis.Date = class extends RealDate {
  constructor(...parts: [] | [number | string | Date]) {
    super(parts.length === 0 ? RealDate.now() + offset : parts[0])
  }

  static override now(): number {
    return RealDate.now() + offset
  }
} as DateConstructor
process.on('SIGUSR2', () => {
  offset = offset > 0 ? -STEP_MS : STEP_MS
})

const invocation = parseCommandLine(process.argv.slice(2))
if (invocation.kind === 'help') throw new TypeError('a command was expected')
const raw = invocation.options
const options = agentOptions(raw)
const server = { url: serverUrl(raw.server?.[0] ?? '', '--server') }
const { nodeName } = options
process.exitCode = await toNft(raw, options, {
  open: fromCluster(options, (store, listeners) => {
    return new KubeSource({ store, server, nodeName, timing: TIMING, ...listeners })
  }),
})
