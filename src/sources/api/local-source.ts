import type { GrpcTarget } from '../../grpc/client.ts'
import type { LocalService } from '../../model/local.ts'
import type { Problem } from '../../model/object.ts'
import type { ServiceKey } from '../../model/service.ts'
import { WireError } from '../../model/wire/error.ts'
import { type ReadLocal, readIPRanges, readLocalService, readNode } from '../../model/wire/read-local.ts'
import { SERVICE_CIDRS_PATH, SET, type SetNumber } from '../../model/wire/sets.ts'
import { Slices } from '../../observe/event-loop.ts'
import type { LocalChanges, LocalState } from '../../store/local-state.ts'
import type { StoreChanges } from '../../store/reader.ts'
import type { RetryRange } from '../retry-delay.ts'
import type { Source } from '../source.ts'
import { SourceRun } from '../source-run.ts'
import { type Group, HeldValues, unpack, valueKey } from './held-values.ts'
import { RemoteProblems } from './remote-problems.ts'
import { WatchClient } from './watch-client.ts'

export interface LocalSourceOptions {
  readonly target: GrpcTarget
  readonly nodeName: string
  /** Called once for each problem that is new. */
  readonly onProblem?: (problem: Problem) => void
  /** Called when a change set has come, with undefined, and when there is no stream any more, with the reason. */
  readonly onConnection?: (failure: Error | undefined) => void
  readonly retryMs?: RetryRange
}

/** Groups that are no Service; no Service's key has a colon. */
const NODE_GROUP = ':node'
const RANGES_GROUP = ':ranges'

/** Changes that were not taken yet. */
interface Untaken {
  services: Set<ServiceKey>
  node: LocalChanges['node']
  serviceCIDRs: LocalChanges['serviceCIDRs']
  /** When the oldest of them came; undefined for the first state. */
  since: number | undefined
}

/**
 * What this node must do, as the local API of another Sluice or KPNG tells it. It stays while the server is away, for however long,
 * and then only what is different changes.
 */
export class LocalSource implements Source, LocalState {
  readonly #client: WatchClient
  readonly #problems: RemoteProblems
  readonly #nodeName: string
  /** What each Service is made of, as it could last be used. */
  readonly #usable = new Map<ServiceKey, Group>()
  readonly #restricted = new Set<ServiceKey>()
  /** What was read to see that it can be used, until it is asked for. */
  readonly #read = new Map<ServiceKey, LocalService>()
  readonly #run = new SourceRun()
  #untaken: Untaken = nothing()
  #hasUntaken = false
  #isSynced = false
  #isClosed = false
  #revision = 0
  #hasNode = false
  #changed: StoreChanges = { services: 0, endpointSlices: 0, lastAt: 0 }
  #wake: (() => void) | undefined

  constructor({ target, nodeName, onProblem, onConnection, retryMs }: LocalSourceOptions) {
    this.#nodeName = nodeName
    this.#problems = new RemoteProblems(onProblem)
    this.#client = new WatchClient({
      api: 'local',
      target,
      nodeName,
      held: new HeldValues(groupOf),
      onChanges: async (changed) => this.#apply(changed),
      onState: (failure) => {
        this.#problems.setFailure(failure)
        onConnection?.(failure)
      },
      ...(retryMs && { retryMs }),
    })
  }

  /** Waits for the server as long as it takes, or until it is closed. */
  async start(): Promise<void> {
    await this.#run.start((signal) => this.#client.run(signal))
  }

  problems(): readonly Problem[] {
    return this.#problems.list()
  }

  async next(): Promise<LocalChanges | undefined> {
    if (!this.#isReady()) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    if (this.#isClosed) return undefined
    const { since, ...untaken } = this.#untaken
    // The API does not tell when what an EndpointSlice reflects happened.
    const changes = { revision: this.#revision, ...untaken, times: { seen: this.changes, since, triggers: [] } }
    this.#untaken = nothing()
    this.#hasUntaken = false
    return changes
  }

  local(key: ServiceKey): LocalService | undefined {
    const read = this.#read.get(key)
    this.#read.delete(key)
    return read ?? this.#readService(key, this.#usable.get(key))?.local
  }

  restricted(): Iterable<ServiceKey> {
    return this.#restricted
  }

  get changes(): StoreChanges {
    return this.#changed
  }

  get revision(): number {
    return this.#revision
  }

  get objects(): LocalState['objects'] {
    return { services: this.#usable.size, endpointSlices: 0, nodes: this.#hasNode ? 1 : 0 }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#wake?.()
    await this.#run.close()
  }

  #isReady(): boolean {
    return this.#isClosed || this.#hasUntaken
  }

  async #apply(changed: ReadonlyMap<string, Group>): Promise<void> {
    const slices = new Slices()
    const services = new Set<ServiceKey>()
    const counts = { services: 0, endpointSlices: 0 }
    for (const [name, group] of changed) {
      const before = this.#usable.get(name as ServiceKey) ?? NO_VALUES
      if (name === NODE_GROUP) this.#takeNode(group)
      else if (name === RANGES_GROUP) this.#takeRanges(group)
      else if (this.#takeService(name as ServiceKey, group)) {
        services.add(name as ServiceKey)
        if (isOther(before, group, SET.services)) counts.services++
        if (isOther(before, group, SET.endpoints)) counts.endpointSlices++
      }
      if (slices.due()) await slices.pause()
    }
    this.#problems.tell()
    for (const key of services) this.#untaken.services.add(key)
    const isFirst = !this.#isSynced
    this.#isSynced = true
    this.#run.synced()
    if (!isFirst && changed.size === 0) return
    this.#revision++
    this.#changed = {
      services: this.#changed.services + counts.services,
      // The API does not tell of slices: all changed endpoints of a Service count as one.
      endpointSlices: this.#changed.endpointSlices + counts.endpointSlices,
      lastAt: Date.now(),
    }
    if (!isFirst) this.#untaken.since ??= performance.now()
    this.#hasUntaken = true
    this.#wake?.()
  }

  /** @returns false when it cannot be used: then it stays what it was before. */
  #takeService(key: ServiceKey, group: Group): boolean {
    const { local, problems } = this.#readService(key, group) ?? { local: undefined, problems: [] }
    this.#problems.set(key, problems)
    if (problems.some(({ severity }) => severity === 'error')) return false
    if (local === undefined) {
      this.#usable.delete(key)
      this.#read.delete(key)
    } else {
      this.#usable.set(key, group)
      this.#read.set(key, local)
    }
    const isRestricted = (local?.service.loadBalancerSourceRanges.length ?? 0) > 0
    this.#restricted[isRestricted ? 'add' : 'delete'](key)
    return true
  }

  /** undefined when there is no Service, possibly only endpoints of it. */
  #readService(key: ServiceKey, group: Group | undefined): ReadLocal | undefined {
    const service = group?.get(valueKey(SET.services, key))
    if (group === undefined || service === undefined) return undefined
    const endpoints = [...group].filter(([value]) => value.startsWith(`${SET.endpoints} `))
    return readLocalService(
      key,
      unpack(service),
      endpoints.map(([, packed]) => unpack(packed)),
      this.#client.origin,
    )
  }

  #takeNode(group: Group): void {
    const packed = group.get(valueKey(SET.nodes, this.#nodeName))
    const { node, problems } =
      packed === undefined ? { node: undefined, problems: [] } : readNode(unpack(packed), this.#client.origin)
    this.#problems.set(NODE_GROUP, problems)
    if (packed !== undefined && node === undefined) return
    this.#hasNode = node !== undefined
    this.#untaken.node = node ?? null
  }

  #takeRanges(group: Group): void {
    const packed = group.get(valueKey(SET.serviceCIDRs, SERVICE_CIDRS_PATH))
    const { ranges, problems } =
      packed === undefined ? { ranges: [], problems: [] } : readIPRanges(unpack(packed), this.#client.origin)
    this.#problems.set(RANGES_GROUP, problems)
    this.#untaken.serviceCIDRs = ranges
  }
}

const NO_VALUES: Group = new Map()

/** Whether a group's values of a set are others now, or more, or fewer. */
function isOther(before: Group, now: Group, set: SetNumber): boolean {
  const isOfSet = (key: string) => key.startsWith(`${set} `)
  let more = 0
  for (const [key, value] of now) {
    if (!isOfSet(key)) continue
    if (before.get(key) !== value) return true
    more++
  }
  for (const key of before.keys()) if (isOfSet(key)) more--
  return more !== 0
}

function nothing(): Untaken {
  return { services: new Set(), node: undefined, serviceCIDRs: undefined, since: undefined }
}

function groupOf(set: number, path: string): string | undefined {
  if (set === SET.nodes) return NODE_GROUP
  if (set === SET.serviceCIDRs) return RANGES_GROUP
  if (set !== SET.services && set !== SET.endpoints) return undefined
  const parts = path.split('/')
  if (parts.length !== (set === SET.services ? 2 : 3)) {
    throw new WireError('WIRE_MALFORMED', `the path ${JSON.stringify(path.slice(0, 100))}`)
  }
  return `${parts[0] ?? ''}/${parts[1] ?? ''}`
}
