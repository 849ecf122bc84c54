import { ZONE_LABEL } from '../model/node.ts'
import type { Dialect, FeedReader, FeedRequest } from '../model/wire/feed.ts'
import type { NodePlace } from '../node/categorize.ts'
import type { ClusterHistory } from './cluster-history.ts'
import { type Change, HistoryReader } from './history.ts'
import { allRangesValue, isNode, ownNodeValue } from './node-values.ts'
import type { RenderedValue, Rendering } from './rendering.ts'
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
        : before.name === place.name && before.zone === place.zone
          ? this.#ordinary(place, request, shared)
          : this.#moved(before, place, shared.changes, request)
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
      const rendered = rendering(history.get(key), place, dialect)
      if (rendered !== undefined) renderings.push(rendered)
    }
    return wholeState({ before, renderings })
  }

  /** The node is where it was: only what has to do with it by name is made for it. */
  #ordinary(place: NodePlace, { dialect }: FeedRequest, shared: SharedRound): Iterable<Uint8Array> | undefined {
    const { changes, byNode, bytes } = shared
    const keys = byNode.get(place.name) ?? NO_KEYS
    const hasOther = dialect === 'additions' && this.#otherKeys(place).some((key) => changes?.has(key))
    if (keys.size === 0 && !hasOther) return bytes && [bytes]
    const own = new Round()
    for (const key of keys) {
      const change = changes?.get(key)
      own.addService(key, rendering(change?.before, place, dialect), rendering(change?.now, place, dialect))
    }
    if (hasOther) this.#addOthers(own, place, place)
    return notEmpty(shared.round.framesBut(keys, own))
  }

  /** It is another node, or elsewhere: that may mean something for any Service. */
  #moved(
    before: NodePlace,
    place: NodePlace,
    changes: ReadonlyMap<string, Change<ClusterVersion>>,
    { dialect }: FeedRequest,
  ): Iterable<Uint8Array> | undefined {
    const { history } = this.#cluster
    const round = new Round()
    const add = (key: string, was: ClusterVersion | undefined, is: ClusterVersion | undefined) => {
      round.addService(key, rendering(was, before, dialect), rendering(is, place, dialect))
    }
    for (const { key, before: was, now } of changes.values()) add(key, was, now)
    for (const key of history.keys()) if (!changes.has(key)) add(key, history.get(key), history.get(key))
    if (dialect === 'additions') this.#addOthers(round, before, place)
    return round.isEmpty ? undefined : round.frames()
  }

  #addOthers(round: Round, before: NodePlace, place: NodePlace): void {
    const { history } = this.#cluster
    const [node, ranges] = this.#otherKeys(place)
    const known = (key: string) => otherValue(history.known(key, this.#reader))
    round.addOther(known(HISTORY_KEY.node(before.name)), otherValue(history.get(node)))
    round.addOther(known(ranges), otherValue(history.get(ranges)))
  }

  #otherKeys(place: NodePlace): readonly [node: string, ranges: string] {
    return [HISTORY_KEY.node(place.name), HISTORY_KEY.allRanges]
  }
}

const NO_KEYS: ReadonlySet<string> = new Set()

function rendering(version: ClusterVersion | undefined, place: NodePlace, dialect: Dialect): Rendering | undefined {
  return version?.kind === 'service' ? version.local(place, dialect) : undefined
}

/** undefined when it yields nothing; what it is made of is taken now, since it may be another soon. */
function notEmpty(frames: Iterable<Uint8Array>): readonly Uint8Array[] | undefined {
  const list = [...frames]
  return list.length === 0 ? undefined : list
}

function otherValue(version: ClusterVersion | undefined): RenderedValue | undefined {
  if (version?.kind === 'node') return ownNodeValue(version)
  return version?.kind === 'all-ranges' ? allRangesValue(version) : undefined
}
