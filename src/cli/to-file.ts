import { StateFile } from '../sinks/file/state-file.ts'
import { STATE_FORMATS, type StateFormat } from '../sinks/file/state-text.ts'
import type { Source } from '../sources/source.ts'
import { Store } from '../store/store.ts'
import { parseDuration } from './duration.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'
import { UsageError } from './failure.ts'
import type { RawOptions } from './options.ts'
import { aborted, type InstanceStatus, openLog, runInstance } from './run-instance.ts'
import { StateWriter } from './state-writer.ts'
import { logListeners, type SourceFactory } from './to-nft.ts'

/** Writes what a source gives to a file, until a signal, or with `once` just once. @throws UsageError, OutputError, SourceError */
export async function toFile(raw: RawOptions, makeSource: SourceFactory): Promise<ExitCode> {
  const path = raw.output ?? ''
  if (path === '' || path === '-') throw new UsageError('--output: give the name of a file')
  const file = new StateFile(path, {
    format: formatOf(raw.outputFormat, path),
    onlyKpng: raw.withoutAdditions === true,
  })
  const minSyncPeriod = parseDuration('--min-sync-period', raw.minSyncPeriod ?? '1s')
  const log = openLog(raw)
  const store = new Store()
  const source = makeSource(store, logListeners(log))
  const writer = new StateWriter(store, file, log, minSyncPeriod)
  try {
    if (raw.once === true) {
      await source.start()
      await writer.writeFirst()
      return source.problems().some(({ severity }) => severity === 'error') ? EXIT.skipped : EXIT.ok
    }
    await runInstance(
      raw,
      () => statusOf(store, source, writer),
      async (stopping) => {
        await Promise.race([source.start().then(async () => writer.writeFirst()), aborted(stopping)])
        const following = writer.follow(stopping)
        await Promise.race([following, aborted(stopping)])
        writer.close()
        await following
      },
    )
    return EXIT.ok
  } finally {
    writer.close()
    await source.close()
  }
}

/** @throws UsageError */
function formatOf(given: string | undefined, path: string): StateFormat {
  if (given === undefined) return path.endsWith('.json') ? 'json' : 'yaml'
  const format = STATE_FORMATS.find((known) => known === given)
  if (format === undefined) throw new UsageError(`--output-format: "${given}" must be ${STATE_FORMATS.join(' or ')}`)
  return format
}

function statusOf(store: Store, source: Source, writer: StateWriter): InstanceStatus {
  const { lastError, lastSync, writtenRevision } = writer
  return {
    state: lastSync === '' ? 'loading' : lastError === '' ? 'serving' : 'failing',
    plane: 'file',
    revision: store.revision,
    servedRevision: writtenRevision,
    lastSync,
    lastError,
    counts: store.counts,
    problems: source.problems(),
  }
}
