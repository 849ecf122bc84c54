import type { VirtualServer } from '../../src/virtual-server/virtual-server.ts'
import { childrenCpu } from '../support/cpu.ts'
import type { BenchNetns } from '../support/netns.ts'
import type { ServiceChange, TextLayout } from './layouts/layout.ts'
import { type Peer, ServerList } from './peer.ts'
import { runProgram } from './program.ts'

/**
 * A proxy that hands text to a program, as far as that program is concerned: what the proxy itself does before is not counted,
 * in its favour.
 */
export class TextPeer implements Peer {
  readonly name: string
  readonly #node: BenchNetns
  readonly #layout: TextLayout
  readonly #servers = new ServerList()
  #programBytes = 0
  #loadCpu = 0

  constructor(name: string, node: BenchNetns, layout: TextLayout) {
    this.name = name
    this.#node = node
    this.#layout = layout
  }

  get servers(): readonly VirtualServer[] {
    return this.#servers.all
  }

  get programBytes(): number {
    return this.#programBytes
  }

  async load(servers: readonly VirtualServer[], boundMs: number): Promise<number> {
    this.#programBytes = 0
    const text = this.#layout.full(servers)
    const cpu = childrenCpu()
    const time = await this.#run(text, boundMs)
    this.#loadCpu = childrenCpu() - cpu
    this.#servers.replace(servers)
    return time
  }

  prepare(changes: readonly ServiceChange[], boundMs: number): () => Promise<number> {
    this.#servers.take(changes)
    const text = this.#layout.change(changes, this.#servers.values())
    const later = this.#layout.afterwards(changes)
    return async () => {
      const time = await this.#run(text, boundMs)
      if (later !== '') await this.#run(later, boundMs)
      return time
    }
  }

  get loadCpu(): number {
    return this.#loadCpu
  }

  async close(): Promise<void> {
    // Nothing of it runs.
  }

  async #run(text: string, boundMs: number): Promise<number> {
    const { milliseconds, peakBytes } = await runProgram(this.#node, this.#layout.command, text, boundMs)
    this.#programBytes = Math.max(this.#programBytes, peakBytes)
    return milliseconds
  }
}
