import type { Dialect, FeedReader, FeedRequest } from '../model/wire/feed.ts'
import type { ClusterHistory } from './cluster-history.ts'
import { HistoryReader } from './history.ts'
import { globalNodeValue, globalRangesValue } from './node-values.ts'
import { byPath, type RenderedValue } from './rendering.ts'
import { Round, wholeState } from './round.ts'
import type { ClusterVersion } from './versions.ts'

/** What one stream of the global API is told. */
export class GlobalReader implements FeedReader {
  readonly #cluster: ClusterHistory
  readonly #reader = new HistoryReader()
  #dialect: Dialect | undefined

  constructor(cluster: ClusterHistory) {
    this.#cluster = cluster
  }

  isCurrent({ dialect }: FeedRequest): boolean {
    const { history, isSynced } = this.#cluster
    return !isSynced || (this.#dialect === dialect && this.#reader.revision === history.revision)
  }

  next({ dialect }: FeedRequest): Iterable<Uint8Array> | undefined {
    const { history, isSynced } = this.#cluster
    if (!isSynced) return undefined
    const changes = dialect === this.#dialect ? history.changes(this.#reader) : undefined
    const round = new Round()
    for (const { key, before, now } of changes ?? []) {
      round.addService(key, serviceRendering(before, dialect), serviceRendering(now, dialect))
      round.addOther(this.#other(before, dialect), this.#other(now, dialect))
    }
    const frames = changes === undefined ? this.#whole(dialect) : round.isEmpty ? undefined : round.frames()
    history.advance(this.#reader)
    this.#dialect = dialect
    return frames
  }

  close(): void {
    this.#cluster.history.close(this.#reader)
  }

  #whole(dialect: Dialect): Iterable<Uint8Array> {
    const { history } = this.#cluster
    const before: RenderedValue[] = []
    const renderings = []
    for (const key of history.keys()) {
      const version = history.get(key)
      const rendering = serviceRendering(version, dialect)
      if (rendering !== undefined) renderings.push(rendering)
      const other = this.#other(version, dialect)
      if (other !== undefined) before.push(other)
    }
    return wholeState({ before: before.sort(byPath), renderings })
  }

  #other(version: ClusterVersion | undefined, dialect: Dialect): RenderedValue | undefined {
    if (version?.kind === 'node') return globalNodeValue(version, this.#cluster.hash)
    return version?.kind === 'ranges' && dialect === 'additions' ? globalRangesValue(version) : undefined
  }
}

function serviceRendering(version: ClusterVersion | undefined, dialect: Dialect) {
  return version?.kind === 'service' ? version.global(dialect) : undefined
}
