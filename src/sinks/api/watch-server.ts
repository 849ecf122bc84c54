import { setTimeout as delay } from 'node:timers/promises'
import type { GrpcAddress } from '../../grpc/address.ts'
import { GrpcServer } from '../../grpc/server.ts'
import type { ServerCall } from '../../grpc/server-call.ts'
import type { TlsOptions } from '../../grpc/tls.ts'
import type { FeedReader } from '../../model/wire/feed.ts'
import { type Api, WATCH_METHOD } from '../../model/wire/requests.ts'
import { Slices } from '../../observe/event-loop.ts'
import type { Logger } from '../../observe/log.ts'
import { WatchStream } from './watch-stream.ts'

export interface WatchServerOptions {
  readonly address: GrpcAddress
  /** Absent: no TLS. */
  readonly tls?: TlsOptions | undefined
  /** The APIs that are served, each with what makes a reader for a stream. */
  readonly feeds: Readonly<Partial<Record<Api, () => FeedReader>>>
  readonly log: Logger
  /** Milliseconds that a client may take nothing of what it asked for; a minute by default. */
  readonly stallMs?: number
}

const STALL_MS = 60_000
/**
 * How long to wait after a wave of change sets, as a multiple of the processor time that it took: what changes meanwhile is told
 * together, and others have their share of the processor.
 */
const REST_FACTOR = 3

/**
 * Serves the local and the global API to any number of streams. What changes first is told at once; under load all streams are told
 * in waves, each stream once a wave, so that none starves.
 */
export class WatchServer {
  readonly #options: WatchServerOptions
  readonly #server: GrpcServer
  readonly #streams = new Set<WatchStream>()
  /** They asked, and know everything. */
  readonly #waiting = new Set<WatchStream>()
  /** They asked, and there may be something to tell. */
  readonly #ready = new Set<WatchStream>()
  #isServing = false

  private constructor(options: WatchServerOptions, server: GrpcServer) {
    this.#options = options
    this.#server = server
  }

  /** @throws GrpcError when the address cannot be listened on */
  static async listen(options: WatchServerOptions): Promise<WatchServer> {
    const { address, tls, feeds, log } = options
    const methods = new Map<string, (call: ServerCall) => void>()
    const server = await GrpcServer.listen({
      address,
      tls,
      methods,
      onBadPeer: (peer, reason) => log.warn({ peer }, `a client is not understood; its connection is ended: ${reason}`),
    })
    const made = new WatchServer(options, server)
    for (const api of ['local', 'global'] as const) {
      const feed = feeds[api]
      if (feed !== undefined) methods.set(WATCH_METHOD[api], (call) => made.#open(api, call, feed()))
    }
    return made
  }

  /** Where it listens, with the port that it got. */
  get address(): string {
    return this.#server.address
  }

  get streamCount(): number {
    return this.#streams.size
  }

  /** There may be something new to tell. */
  changed(): void {
    for (const stream of this.#waiting) this.#ready.add(stream)
    this.#waiting.clear()
    this.#serve()
  }

  /** Tells every client that the server ends, and ends. */
  async close(): Promise<void> {
    for (const stream of this.#streams) stream.end()
    await this.#server.close()
  }

  #open(api: Api, call: ServerCall, reader: FeedReader): void {
    const { log, stallMs = STALL_MS } = this.#options
    const stream = new WatchStream({
      api,
      call,
      reader,
      log,
      stallMs,
      onRequest: (asking) => this.#request(asking),
      onClose: (closed) => {
        this.#streams.delete(closed)
        this.#waiting.delete(closed)
        this.#ready.delete(closed)
      },
    })
    this.#streams.add(stream)
  }

  #request(stream: WatchStream): void {
    if (stream.isCurrent) this.#waiting.add(stream)
    else {
      this.#ready.add(stream)
      this.#serve()
    }
  }

  #serve(): void {
    if (this.#isServing) return
    this.#isServing = true
    // Never rejects: what a stream fails with ends that stream.
    void this.#serveWaves()
  }

  async #serveWaves(): Promise<void> {
    while (this.#ready.size > 0) {
      const start = threadMs()
      await this.#wave()
      await delay((threadMs() - start) * REST_FACTOR)
    }
    this.#isServing = false
  }

  async #wave(): Promise<void> {
    const slices = new Slices()
    const streams = [...this.#ready]
    this.#ready.clear()
    for (const stream of streams) {
      this.#serveOne(stream)
      if (slices.due()) await slices.pause()
    }
  }

  #serveOne(stream: WatchStream): void {
    try {
      if (!stream.serve()) this.#waiting.add(stream)
    } catch (error) {
      stream.fail(error)
    }
  }
}

/** Processor time of this thread in milliseconds: others on the machine do not count. */
function threadMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}
