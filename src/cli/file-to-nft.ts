import { FileSource } from '../sources/file/file-source.ts'
import { agentOptions, maxFileBytes } from './agent-options.ts'
import type { ExitCode } from './exit-codes.ts'
import { UsageError } from './failure.ts'
import type { RawOptions } from './options.ts'
import { toNft } from './to-nft.ts'

/** `sluice file to-local to-nft`. */
export async function fileToNft(raw: RawOptions): Promise<ExitCode> {
  const options = agentOptions(raw)
  const inputs = raw.input ?? []
  if (inputs.length === 0) throw new UsageError('--input: give a file, a directory, or - for standard input')
  const limit = maxFileBytes(raw)
  return toNft(raw, options, {
    source: (store, { onProblem }) => {
      return new FileSource({ store, inputs, follow: !options.once, maxFileBytes: limit, onProblem })
    },
  })
}
