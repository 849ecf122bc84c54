import { FileSource } from '../sources/file/file-source.ts'
import { agentOptions, maxFileBytes } from './agent-options.ts'
import type { ExitCode } from './exit-codes.ts'
import { UsageError } from './failure.ts'
import type { RawOptions } from './options.ts'
import { fromCluster, type SourceFactory, toNft } from './to-nft.ts'

/** `sluice file to-local to-nft`. */
export async function fileToNft(raw: RawOptions): Promise<ExitCode> {
  const options = agentOptions(raw)
  return toNft(raw, options, { open: fromCluster(options, fileSource(raw, !options.once)) })
}

/** The source `file`. @param follow read the files again when they change @throws UsageError */
export function fileSource(raw: RawOptions, follow: boolean): SourceFactory {
  const inputs = raw.input ?? []
  if (inputs.length === 0) throw new UsageError('--input: give a file, a directory, or - for standard input')
  const limit = maxFileBytes(raw)
  return (store, { onProblem }) => new FileSource({ store, inputs, follow, maxFileBytes: limit, onProblem })
}
