import { ZONE_LABEL } from '../model/node.ts'
import type { FeedReader, FeedRequest } from '../model/wire/feed.ts'
import type { NodePlace } from '../node/categorize.ts'
import type { ClusterHistory } from './cluster-history.ts'
import { type Change, HistoryReader } from './history.ts'
import { allRangesValue, isNode, ownNodeValue } from './node-values.ts'
import type { RenderedValue } from './rendering.ts'
import { Round, wholeState } from './round.ts'
import type { SharedRound } from './shared-rounds.ts'
import { type ClusterVersion, HISTORY_KEY } from './versions.ts'

/**
 * What one stream of the local API is told. It remembers how far the stream is and whom it is for, and nothing of what it was
 * told.
 */
export class LocalReader implements FeedReader {
  readonly #cluster: ClusterHistory
  readonly #reader = new HistoryReader()
  /** Who was told before; undefined when nobody was. */
  #told: FeedRequest | undefined
  /** Where the node was then. */
  #zone = ''

  constructor(cluster: ClusterHistory) {
    this.#cluster = cluster
  }

  isCurrent({ nodeName, dialect }: FeedRequest): boolean {
    const { history, isSynced } = this.#cluster
    const isSame = this.#told?.nodeName === nodeName && this.#told.dialect === dialect
    return !isSynced || (isSame && this.#reader.revision === history.revision)
  }

  next(request: FeedRequest): Iterable<Uint8Array> | undefined {
    const { history, isSynced } = this.#cluster
    if (!isSynced) return undefined
    const before: NodePlace | undefined = this.#told && { name: this.#told.nodeName, zone: this.#zone }
    const place = this.#placeOf(request.nodeName)
    const shared =
      request.dialect === this.#told?.dialect
        ? this.#cluster.shared.get(this.#reader, this.#zone, request.dialect)
        : undefined
    const frames =
      before === undefined || shared?.changes === undefined
        ? this.#whole(place, request)
        : isOrdinary(before, place, request, shared)
          ? shared.frames && [shared.frames]
          : this.#difference(before, place, shared.changes, request)
    history.advance(this.#reader)
    this.#told = request
    this.#zone = place.zone
    return frames
  }

  close(): void {
    this.#cluster.history.close(this.#reader)
  }

  #placeOf(name: string): NodePlace {
    const version = this.#cluster.history.get(HISTORY_KEY.node(name))
    return { name, zone: isNode(version) ? (version.node.labels[ZONE_LABEL] ?? '') : '' }
  }

  #whole(place: NodePlace, { dialect }: FeedRequest): Iterable<Uint8Array> {
    const { history } = this.#cluster
    const before: RenderedValue[] = []
    if (dialect === 'additions') {
      const values = [history.get(HISTORY_KEY.node(place.name)), history.get(HISTORY_KEY.allRanges)]
      before.push(...values.flatMap((version) => otherValue(version) ?? []))
    }
    const renderings = []
    for (const key of history.keys()) {
      const version = history.get(key)
      const rendering = version?.kind === 'service' ? version.local(place, dialect) : undefined
      if (rendering !== undefined) renderings.push(rendering)
    }
    return wholeState({ before, renderings })
  }

  #difference(
    before: NodePlace,
    place: NodePlace,
    changes: readonly Change<ClusterVersion>[],
    { dialect }: FeedRequest,
  ): Iterable<Uint8Array> | undefined {
    const { history } = this.#cluster
    const round = new Round()
    const render = (version: ClusterVersion | undefined, where: NodePlace) =>
      version?.kind === 'service' ? version.local(where, dialect) : undefined
    for (const change of changes) round.addService(render(change.before, before), render(change.now, place))
    if (before.name !== place.name || before.zone !== place.zone) {
      const done = new Set(changes.map(({ key }) => key))
      for (const key of history.keys()) {
        const version = done.has(key) ? undefined : history.get(key)
        round.addService(render(version, before), render(version, place))
      }
    }
    if (dialect === 'additions') {
      const known = (key: string) => otherValue(history.known(key, this.#reader))
      const node = otherValue(history.get(HISTORY_KEY.node(place.name)))
      round.addOther(known(HISTORY_KEY.node(before.name)), node)
      round.addOther(known(HISTORY_KEY.allRanges), otherValue(history.get(HISTORY_KEY.allRanges)))
    }
    return round.isEmpty ? undefined : round.frames()
  }
}

/** True when nothing that changed has to do with this node by name. */
function isOrdinary(before: NodePlace, place: NodePlace, { dialect }: FeedRequest, shared: SharedRound): boolean {
  if (before.name !== place.name || before.zone !== place.zone || shared.isInvolved(place.name)) return false
  if (dialect === 'kpng') return true
  return !shared.changedKeys.has(HISTORY_KEY.node(place.name)) && !shared.changedKeys.has(HISTORY_KEY.allRanges)
}

function otherValue(version: ClusterVersion | undefined): RenderedValue | undefined {
  if (version?.kind === 'node') return ownNodeValue(version)
  return version?.kind === 'all-ranges' ? allRangesValue(version) : undefined
}
