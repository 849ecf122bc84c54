import type { Dialect } from '../model/wire/feed.ts'
import type { Change, History, HistoryReader } from './history.ts'
import { Round } from './round.ts'
import type { ClusterVersion } from './versions.ts'

/** What most nodes are told that know the same. */
export interface SharedRound {
  /** undefined when too much changed: then everything is told anew. */
  readonly changes: readonly Change<ClusterVersion>[] | undefined
  readonly changedKeys: ReadonlySet<string>
  /** The change set of a node that no changed Service has to do with by name; undefined when there is nothing to tell. */
  readonly frames: Uint8Array | undefined
  /** Whether a changed Service has to do with a node of this name. */
  isInvolved(nodeName: string): boolean
}

/**
 * The change sets of streams that know the same, each made once: of a thousand nodes only those are told something of their own that
 * have an endpoint of a changed Service. Kept for the present revision only.
 */
export class SharedRounds {
  readonly #history: History<ClusterVersion>
  readonly #rounds = new Map<string, SharedRound>()
  #revision = 0

  constructor(history: History<ClusterVersion>) {
    this.#history = history
  }

  /** What leads a reader in a zone to the present state. */
  get(reader: HistoryReader, zone: string, dialect: Dialect): SharedRound {
    if (this.#revision !== this.#history.revision) {
      this.#rounds.clear()
      this.#revision = this.#history.revision
    }
    const key = `${reader.revision} ${dialect} ${zone}`
    const known = this.#rounds.get(key) ?? makeRound(this.#history.changes(reader), zone, dialect)
    this.#rounds.set(key, known)
    return known
  }
}

function makeRound(
  changes: readonly Change<ClusterVersion>[] | undefined,
  zone: string,
  dialect: Dialect,
): SharedRound {
  const round = new Round()
  const place = { name: '', zone }
  const involved: ReadonlySet<string>[] = []
  const render = (version: ClusterVersion | undefined) => {
    if (version?.kind !== 'service') return undefined
    involved.push(version.nodeNames)
    return version.local(place, dialect)
  }
  for (const { before, now } of changes ?? []) round.addService(render(before), render(now))
  return {
    changes,
    changedKeys: new Set(changes?.map(({ key }) => key)),
    frames: round.isEmpty ? undefined : Buffer.concat([...round.frames()]),
    isInvolved: (nodeName) => involved.some((names) => names.has(nodeName)),
  }
}
