import { cleanup } from './cleanup.ts'
import { parseCommandLine } from './command-line.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'
import { exitCodeOf, failureText } from './failure.ts'
import type { RawOptions } from './options.ts'
import { PIPELINES } from './pipelines.ts'
import { status } from './status.ts'
import { VERSION } from './version.ts'

const RUN: { readonly [words: string]: (options: RawOptions) => Promise<ExitCode> } = {
  ...PIPELINES,
  status,
  cleanup,
  version: async () => {
    console.log(VERSION)
    return Promise.resolve(EXIT.ok)
  },
}

async function main(): Promise<ExitCode> {
  const invocation = parseCommandLine(process.argv.slice(2))
  if (invocation.kind === 'help') {
    process.stdout.write(invocation.text)
    return EXIT.ok
  }
  const run = RUN[invocation.words]
  if (run === undefined) throw new Error(`"${invocation.words}" has no implementation`)
  return run(invocation.options)
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
