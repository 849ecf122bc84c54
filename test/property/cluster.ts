import type { IpAddress } from '../../src/model/ip.ts'
import { type ObjectId, objectId } from '../../src/model/object.ts'
import { parseObject } from '../../src/model/parse/object.ts'
import type { ServiceKey } from '../../src/model/service.ts'
import { selectNodePortAddresses } from '../../src/node/node-port-addresses.ts'
import { NodeView } from '../../src/node/view.ts'
import { Store } from '../../src/store/store.ts'
import type { PlaneChanges } from '../../src/virtual-server/data-plane.ts'
import { virtualServers } from '../../src/virtual-server/from-local.ts'
import type { VirtualServer } from '../../src/virtual-server/virtual-server.ts'
import type { Manifest } from '../sluice/manifests.ts'
import { type Change, idOf, NODE } from './arbitrary-cluster.ts'

/** A cluster that changes, and the view that one node has of it: what an agent does, without a source and without a plane. */
export class Cluster {
  /** The present objects by id. */
  readonly manifests = new Map<string, Manifest>()
  /** The virtual servers of each Service that has some, put together from changes. */
  readonly servers = new Map<ServiceKey, readonly VirtualServer[]>()
  nodeAddresses: readonly IpAddress[] = []
  readonly store = new Store()
  readonly #view = new NodeView(this.store, NODE)
  /** Waits for the next change. */
  #pending: Promise<PlaneChanges> | undefined

  /** A cluster that had these objects from the beginning. */
  static async of(manifests: Iterable<Manifest>): Promise<Cluster> {
    const cluster = new Cluster()
    cluster.update([...manifests].map((manifest) => ({ set: manifest })))
    await cluster.start()
    return cluster
  }

  /** Says that the initial state is there. @returns the first changes. */
  async start(): Promise<PlaneChanges> {
    this.store.markSynced()
    return this.#next()
  }

  /** One update of the store; of several changes of one object the last counts. */
  update(changes: readonly Change[]): void {
    const last = new Map(changes.map((change) => ['set' in change ? idOf(change.set) : change.delete, change]))
    const parsed = [...last.values()].flatMap((change) => {
      return 'set' in change ? parseObject(JSON.parse(JSON.stringify(change.set)), '') : []
    })
    const bad = parsed.flatMap(({ problems }) => problems.filter(({ severity }) => severity === 'error'))
    if (bad.length > 0) throw new Error(`the test made a bad object: ${JSON.stringify(bad)}`)
    const objects = parsed.flatMap((result) => result.objects)
    const present = new Set<string>(objects.map(objectId))
    // What is ignored takes the place of what it was before.
    const gone = [...last.keys()].filter((id) => !present.has(id)) as ObjectId[]
    this.store.apply({ set: objects, delete: gone })
    for (const [id, change] of last) {
      this.manifests.delete(id)
      if ('set' in change) this.manifests.set(id, change.set)
    }
  }

  /** What an agent would tell its plane now; undefined when nothing happened. */
  async changes(): Promise<PlaneChanges | undefined> {
    // The view waits for a change, and there may be none.
    const nothing = new Promise<undefined>((resolve) => setImmediate(resolve, undefined))
    this.#pending ??= this.#next()
    const changes = await Promise.race([this.#pending, nothing])
    if (changes !== undefined) this.#pending = undefined
    return changes
  }

  /** Everything, as an agent that starts now would tell it. */
  whole(): PlaneChanges {
    return { services: new Map(this.servers), nodeAddresses: this.nodeAddresses }
  }

  async #next(): Promise<PlaneChanges> {
    const changes = await this.#view.next()
    if (changes === undefined) throw new Error('the view is closed')
    const services = new Map<ServiceKey, readonly VirtualServer[]>()
    for (const key of changes.services) {
      const local = this.#view.local(key)
      services.set(key, local === undefined ? [] : virtualServers(local))
    }
    for (const [key, servers] of services) {
      if (servers.length > 0) this.servers.set(key, servers)
      else this.servers.delete(key)
    }
    if (changes.node === undefined) return { services, nodeAddresses: undefined }
    const spec = { primary: true, localhost: false, all: false, cidrs: [] }
    this.nodeAddresses = selectNodePortAddresses(spec, changes.node ?? undefined, [])
    return { services, nodeAddresses: this.nodeAddresses }
  }
}

/** The virtual servers as text, in an order of their own, to compare two clusters. */
export function serversText(cluster: Cluster): string[] {
  return [...cluster.servers.values()].flatMap((servers) => servers.map((server) => JSON.stringify(server))).sort()
}
