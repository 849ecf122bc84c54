import { NETLINK } from '../../src/kernel/netlink/constants.ts'
import { NetlinkSocket } from '../../src/kernel/netlink/socket.ts'
import { NftablesConnection } from '../../src/kernel/nftables/connection.ts'
import { NFNLGRP_NFTABLES } from '../../src/kernel/nftables/constants.ts'
import { NftablesWatch } from '../../src/kernel/nftables/watch.ts'
import { type ClusterObject, objectId } from '../../src/model/object.ts'
import { parseObject } from '../../src/model/parse/object.ts'
import type { ServiceKey } from '../../src/model/service.ts'
import { NodeView } from '../../src/node/view.ts'
import { Slices } from '../../src/observe/event-loop.ts'
import { NftPlane } from '../../src/sinks/nft/plane.ts'
import { Store } from '../../src/store/store.ts'
import { virtualServers } from '../../src/virtual-server/from-local.ts'
import type { VirtualServer } from '../../src/virtual-server/virtual-server.ts'
import type { BenchNetns } from './netns.ts'
import { RecordingTransport } from './recorder.ts'
import { POD_CIDRS } from './services.ts'

/** The node that all this is about. */
export const NODE_NAME = 'node-1'

/**
 * A plane in a namespace, without the timer that looks for foreign changes.
 *
 * @param connection one of that namespace, if it is not to be an ordinary one.
 */
export function openPlane(
  netns: BenchNetns,
  connection: NftablesConnection = netns.run(() => NftablesConnection.open()),
): NftPlane {
  const openWatch = () =>
    netns.run(() => new NetlinkSocket({ protocol: NETLINK.NETFILTER, groups: [NFNLGRP_NFTABLES] }))
  return new NftPlane({
    clusterCIDRs: POD_CIDRS,
    connection,
    watch: (tables, portId) => new NftablesWatch(tables, portId, openWatch),
    // Looking for foreign changes is a timer's work, not part of a change.
    watchInterval: 0,
  })
}

/** One event of a watch: the objects that are set, and those that are deleted, as JSON. */
export interface PipelineEvent {
  readonly set: readonly string[]
  readonly delete: readonly string[]
}

/** What a Sluice process does between its source and the kernel's acknowledgement, in this process and without a timer. */
export class Pipeline {
  readonly #store = new Store()
  readonly #view = new NodeView(this.#store, NODE_NAME)
  readonly #transport: RecordingTransport
  readonly #plane: NftPlane

  constructor(netns: BenchNetns) {
    this.#transport = netns.run(() => new RecordingTransport())
    this.#plane = openPlane(netns, new NftablesConnection(this.#transport))
  }

  /** The transactions since the last time that this was called. */
  takeTransactions(): Uint8Array[] {
    return this.#transport.transactions.splice(0)
  }

  /** Puts parsed objects into the store, which is not served before {@link sync}. */
  fill(objects: readonly ClusterObject[]): void {
    this.#store.apply({ set: objects, delete: [] })
    this.#store.markSynced()
  }

  /** From the text of an event to the acknowledged transaction. */
  async handle(event: PipelineEvent): Promise<void> {
    const parsed = (text: string) => parseObject(JSON.parse(text), '').objects
    this.#store.apply({ set: event.set.flatMap(parsed), delete: event.delete.flatMap(parsed).map(objectId) })
    await this.sync()
  }

  /** Serves what changed in the store. */
  async sync(): Promise<void> {
    const changes = await this.#view.next()
    if (changes === undefined) throw new Error('the store was closed')
    const services = new Map<ServiceKey, readonly VirtualServer[]>()
    const slices = new Slices()
    for (const key of changes.services) {
      const local = this.#view.local(key)
      services.set(key, local === undefined ? [] : virtualServers(local))
      if (slices.due()) await slices.pause()
    }
    await this.#plane.apply({ services, nodeAddresses: undefined })
  }

  async close(): Promise<void> {
    await this.#view.close()
    await this.#plane.close()
  }
}
