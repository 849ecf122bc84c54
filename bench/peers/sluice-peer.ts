import { parseObject } from '../../src/model/parse/object.ts'
import type { VirtualServer } from '../../src/virtual-server/virtual-server.ts'
import { ownCpu } from '../support/cpu.ts'
import { serviceManifest, sliceManifest } from '../support/manifests.ts'
import type { BenchNetns } from '../support/netns.ts'
import { Pipeline, type PipelineEvent } from '../support/pipeline.ts'
import { collectGarbage } from '../support/quiet.ts'
import { replay } from '../support/recorder.ts'
import type { ServiceChange } from './layouts/layout.ts'
import { type Peer, ServerList } from './peer.ts'

/** Sluice's own pipeline in this process: a load is from the parsed objects, a change from the text of the watch's events. */
export class SluicePeer implements Peer {
  readonly name: string
  readonly programBytes = 0
  readonly #node: BenchNetns
  readonly #servers = new ServerList()
  #pipeline: Pipeline | undefined
  #recorded: Uint8Array[] = []
  #loadCpu = 0

  constructor(name: string, node: BenchNetns) {
    this.name = name
    this.#node = node
  }

  get servers(): readonly VirtualServer[] {
    return this.#servers.all
  }

  async load(servers: readonly VirtualServer[]): Promise<number> {
    await this.#pipeline?.close()
    const pipeline = new Pipeline(this.#node)
    this.#pipeline = pipeline
    for (const server of servers) {
      const objects = [serviceManifest(server), sliceManifest(server)].map((manifest) => parseObject(manifest, ''))
      pipeline.fill(objects.flatMap((parsed) => parsed.objects))
    }
    collectGarbage()
    const cpu = ownCpu()
    const start = performance.now()
    await pipeline.sync()
    const time = performance.now() - start
    this.#loadCpu = ownCpu() - cpu
    this.#servers.replace(servers)
    this.#recorded = pipeline.takeTransactions()
    return time
  }

  /** Sends the netlink messages of the last load again, to an empty kernel. @returns milliseconds. */
  replay(): number {
    const time = replay(this.#recorded)
    this.#recorded = []
    return time
  }

  prepare(changes: readonly ServiceChange[]): () => Promise<number> {
    this.#servers.take(changes)
    const event = eventOf(changes)
    return async () => {
      const start = performance.now()
      await this.#pipeline?.handle(event)
      const time = performance.now() - start
      this.#pipeline?.takeTransactions()
      return time
    }
  }

  get loadCpu(): number {
    return this.#loadCpu
  }

  async close(): Promise<void> {
    await this.#pipeline?.close()
    this.#pipeline = undefined
  }
}

/** What a watch would tell: of a Service that stays, only its slice. */
export function eventOf(changes: readonly ServiceChange[]): PipelineEvent {
  const set: string[] = []
  const gone: string[] = []
  for (const { before, after } of changes) {
    if (after === undefined && before !== undefined) {
      gone.push(JSON.stringify(serviceManifest(before)), JSON.stringify(sliceManifest(before)))
    }
    if (after === undefined) continue
    if (before === undefined) set.push(JSON.stringify(serviceManifest(after)))
    set.push(JSON.stringify(sliceManifest(after)))
  }
  return { set, delete: gone }
}
