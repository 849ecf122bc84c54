import type { VirtualServer } from '../../src/virtual-server/virtual-server.ts'
import type { ServiceChange } from './layouts/layout.ts'

/** Somebody who programs a node for the same Services. Times are milliseconds. */
export interface Peer {
  readonly name: string
  /** Which Services it holds at present. */
  readonly servers: readonly VirtualServer[]
  /**
   * Programs Services into a node that has none.
   *
   * @returns from a state that is ready in memory, or from input that is ready, until the kernel has it.
   * @throws OverTime
   */
  load(servers: readonly VirtualServer[], boundMs: number): Promise<number>
  /**
   * Takes changes among them over.
   *
   * @returns what programs them, from input that is ready: to be called once, and before the next changes.
   */
  prepare(changes: readonly ServiceChange[], boundMs: number): () => Promise<number>
  /** Highest resident memory of what was started or kept for programming since the last load. Bytes; 0 when nothing was. */
  readonly programBytes: number
  /** CPU time of the last load: other work on the machine disturbs it less. */
  readonly loadCpu: number
  /** Lets go of everything but the node's rules. */
  close(): Promise<void>
}

/** It took longer than it may. */
export class OverTime extends Error {
  constructor(what: string, boundMs: number) {
    super(`${what} was not done within ${boundMs / 1000} s`)
    this.name = 'OverTime'
  }
}

/** The Services of a peer by their index, kept up to date by changes. */
export class ServerList {
  readonly #byService = new Map<string, VirtualServer>()

  get all(): VirtualServer[] {
    return [...this.#byService.values()]
  }

  values(): Iterable<VirtualServer> {
    return this.#byService.values()
  }

  replace(servers: readonly VirtualServer[]): void {
    this.#byService.clear()
    for (const server of servers) this.#byService.set(server.service, server)
  }

  take(changes: readonly ServiceChange[]): void {
    for (const { before, after } of changes) {
      if (after !== undefined) this.#byService.set(after.service, after)
      else if (before !== undefined) this.#byService.delete(before.service)
    }
  }
}
