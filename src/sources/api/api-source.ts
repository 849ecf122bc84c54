import type { GrpcTarget } from '../../grpc/client.ts'
import { type ClusterObject, type ObjectId, objectId, type Problem } from '../../model/object.ts'
import { emptyResult, type ParseResult } from '../../model/parse/object.ts'
import { WireError } from '../../model/wire/error.ts'
import { readGlobalNode, readGlobalService, readGlobalServiceCIDR } from '../../model/wire/read-global.ts'
import { SET } from '../../model/wire/sets.ts'
import { Slices } from '../../observe/event-loop.ts'
import type { Store } from '../../store/store.ts'
import type { RetryRange } from '../retry-delay.ts'
import { isSameObject } from '../same.ts'
import type { Source } from '../source.ts'
import { SourceRun } from '../source-run.ts'
import { type Group, HeldValues, unpack, valueKey } from './held-values.ts'
import { RemoteProblems } from './remote-problems.ts'
import { WatchClient } from './watch-client.ts'

export interface ApiSourceOptions {
  readonly store: Store
  readonly target: GrpcTarget
  /** Called once for each problem that is new. */
  readonly onProblem?: (problem: Problem) => void
  readonly retryMs?: RetryRange
}

/**
 * Fills the store from the global API of another Sluice or KPNG. What was read stays while the server is away, for however long, and
 * then only what is different changes.
 */
export class ApiSource implements Source {
  readonly #store: Store
  readonly #client: WatchClient
  readonly #problems: RemoteProblems
  readonly #objects = new Map<string, ReadonlyMap<ObjectId, ClusterObject>>()
  readonly #run = new SourceRun()

  constructor({ store, target, onProblem, retryMs }: ApiSourceOptions) {
    this.#store = store
    this.#problems = new RemoteProblems(onProblem)
    this.#client = new WatchClient({
      api: 'global',
      target,
      nodeName: '',
      held: new HeldValues(groupOf),
      onChanges: async (changed) => this.#apply(changed),
      onState: (failure) => this.#problems.setFailure(failure),
      ...(retryMs && { retryMs }),
    })
  }

  /** Waits for the server as long as it takes, or until {@link close}. */
  async start(): Promise<void> {
    await this.#run.start((signal) => this.#client.run(signal))
  }

  problems(): readonly Problem[] {
    return this.#problems.list()
  }

  async close(): Promise<void> {
    await this.#run.close()
  }

  async #apply(changed: ReadonlyMap<string, Group>): Promise<void> {
    const set: ClusterObject[] = []
    const gone: ObjectId[] = []
    const slices = new Slices()
    for (const [name, group] of changed) {
      this.#difference(name, group, set, gone)
      if (slices.due()) await slices.pause()
    }
    if (this.#run.signal.aborted) return
    this.#problems.tell()
    this.#store.apply({ set, delete: gone })
    this.#store.markSynced()
    this.#run.synced()
  }

  /** A group that cannot be used leaves what it was before. */
  #difference(name: string, group: Group, set: ClusterObject[], gone: ObjectId[]): void {
    const { objects, problems, failed } = readGroup(name, group, this.#client.origin)
    this.#problems.set(name, problems)
    if (failed.length > 0) return
    const before = this.#objects.get(name)
    const now = new Map(objects.map((object) => [objectId(object), object]))
    for (const [id, object] of now) if (!isSameObject(before?.get(id), object)) set.push(object)
    for (const id of before?.keys() ?? []) if (!now.has(id)) gone.push(id)
    if (now.size === 0) this.#objects.delete(name)
    else this.#objects.set(name, now)
  }
}

/** `Service NAMESPACE|NAME`, `Node |NAME` or `ServiceCIDR |NAME`. */
function groupOf(set: number, path: string): string | undefined {
  const kind = KINDS.get(set)
  if (kind === undefined) return undefined
  const parts = path.split('|')
  const [namespace = '', name = ''] = parts
  if (parts.length !== 4) throw new WireError('WIRE_MALFORMED', `the path ${JSON.stringify(path.slice(0, 100))}`)
  // KPNG tells each endpoint a second time, by its source alone.
  return name === '' ? undefined : `${kind} ${namespace}|${name}`
}

const KINDS: ReadonlyMap<number, ClusterObject['kind']> = new Map([
  [SET.globalServices, 'Service'],
  [SET.globalEndpoints, 'Service'],
  [SET.globalNodes, 'Node'],
  [SET.globalServiceCIDRs, 'ServiceCIDR'],
])

/** An object that is another than its path says would take the place of that other one, and is not used. */
function readGroup(name: string, group: Group, origin: string): ParseResult {
  const result = readValues(name, group, origin)
  const [, key = ''] = name.split(' ')
  const expected = name.replace(' |', ' ').replace('|', '/')
  const stranger = result.objects.find((object) => object.kind !== 'EndpointSlice' && objectId(object) !== expected)
  if (stranger === undefined) return result
  const message = `the path ${JSON.stringify(key)} is that of another object`
  result.problems.push({ severity: 'error', object: objectId(stranger), field: '', message, origin })
  result.failed.push('')
  return result
}

function readValues(name: string, group: Group, origin: string): ParseResult {
  const [kind = '', key = ''] = name.split(' ')
  const path = `${key}||`
  const node = group.get(valueKey(SET.globalNodes, path))
  if (kind === 'Node' && node !== undefined) return readGlobalNode(unpack(node), origin)
  const ranges = group.get(valueKey(SET.globalServiceCIDRs, path))
  if (kind === 'ServiceCIDR' && ranges !== undefined) return readGlobalServiceCIDR(unpack(ranges), origin)
  const service = group.get(valueKey(SET.globalServices, path))
  if (service === undefined) return emptyResult()
  const endpoints = [...group].filter(([value]) => value.startsWith(`${SET.globalEndpoints} `))
  return readGlobalService(
    unpack(service),
    endpoints.map(([, packed]) => unpack(packed)),
    origin,
  )
}
