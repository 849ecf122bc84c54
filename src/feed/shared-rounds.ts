import type { Dialect } from '../model/wire/feed.ts'
import type { Change, History, HistoryReader } from './history.ts'
import { Round } from './round.ts'
import type { ClusterVersion } from './versions.ts'

/** What most nodes are told that know the same. */
export interface SharedRound {
  /** By key; undefined when too much changed: then everything is told anew. */
  readonly changes: ReadonlyMap<string, Change<ClusterVersion>> | undefined
  /** The change set of a node that no changed Service has to do with by name. */
  readonly round: Round
  /** The same in one piece; undefined when there is nothing to tell. */
  readonly bytes: Uint8Array | undefined
  /** For each node the keys of changed Services that have to do with it by name. */
  readonly byNode: ReadonlyMap<string, ReadonlySet<string>>
}

/**
 * The change sets of streams that know the same, each made once: of a thousand nodes only those are told something of their own that
 * have an endpoint of a changed Service, and only of that Service. Kept for the present revision only.
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
  const byNode = new Map<string, Set<string>>()
  const render = (key: string, version: ClusterVersion | undefined) => {
    if (version?.kind !== 'service') return undefined
    for (const name of version.nodeNames) {
      const keys = byNode.get(name)
      if (keys === undefined) byNode.set(name, new Set([key]))
      else keys.add(key)
    }
    return version.local({ name: '', zone }, dialect)
  }
  for (const { key, before, now } of changes ?? []) round.addService(key, render(key, before), render(key, now))
  return {
    changes: changes && new Map(changes.map((change) => [change.key, change])),
    round,
    bytes: round.isEmpty ? undefined : Buffer.concat([...round.frames()]),
    byNode,
  }
}
