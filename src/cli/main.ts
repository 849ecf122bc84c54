import { setFlagsFromString } from 'node:v8'
import { apiSource, apiToApi, apiToNft, localToNft } from './api-pipelines.ts'
import { cleanup } from './cleanup.ts'
import { parseCommandLine } from './command-line.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'
import { exitCodeOf, failureText } from './failure.ts'
import { fileSource, fileToNft } from './file-to-nft.ts'
import type { GivenFlags } from './given-flags.ts'
import { kubeStateSource, kubeToApi, kubeToNft } from './kube-to-nft.ts'
import type { RawOptions } from './options.ts'
import { sinkPipelines } from './sink-pipelines.ts'
import { status } from './status.ts'
import { toApi } from './to-api.ts'
import { VERSION } from './version.ts'

const RUN: { readonly [words: string]: (options: RawOptions, given: GivenFlags) => Promise<ExitCode> } = {
  'file to-local to-nft': fileToNft,
  'kube to-local to-nft': kubeToNft,
  'api to-local to-nft': apiToNft,
  'local to-nft': localToNft,
  'file to-api': async (options) => toApi(options, fileSource(options, true)),
  'kube to-api': kubeToApi,
  'api to-api': apiToApi,
  ...sinkPipelines({ file: (raw) => fileSource(raw, raw.once !== true), kube: kubeStateSource, api: apiSource }),
  status,
  cleanup,
  version: async () => {
    console.log(VERSION)
    return Promise.resolve(EXIT.ok)
  },
}

/**
 * How much the heap may grow before the next full collection, in percent of what is in use. By itself V8 lets a process that keeps 50 MB, and
 * replaces objects all day, have four times as much (`npm run soak`).
 */
const HEAP_GROWTH_PERCENT = 30

async function main(): Promise<ExitCode> {
  setFlagsFromString(`--heap-growing-percent=${HEAP_GROWTH_PERCENT}`)
  const invocation = parseCommandLine(process.argv.slice(2))
  if (invocation.kind === 'help') {
    process.stdout.write(invocation.text)
    return EXIT.ok
  }
  const run = RUN[invocation.words]
  if (run === undefined) throw new Error(`"${invocation.words}" has no implementation`)
  return run(invocation.options, invocation.given)
}

main().then(
  (code) => {
    process.exitCode = code
  },
  (error: unknown) => {
    process.stderr.write(`sluice: ${failureText(error)}\n`)
    process.exitCode = exitCodeOf(error)
  },
)
