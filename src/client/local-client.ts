import { hostname } from 'node:os'
import { parseGrpcAddress } from '../grpc/address.ts'
import { readTls, type TlsFiles } from '../grpc/tls.ts'
import type { LocalService } from '../model/local.ts'
import type { Problem } from '../model/object.ts'
import type { ServiceKey } from '../model/service.ts'
import type { LocalView, LocalViewChanges } from '../sink/local-view.ts'
import { LocalSource } from '../sources/api/local-source.ts'

/** Where KPNG's servers and Sluice's are unless told otherwise. */
const DEFAULT_ADDRESS = '127.0.0.1:12090'

/** Whose state a client reads, and where. */
export interface LocalClientOptions {
  /** `HOST:PORT`, `tcp://HOST:PORT` or `unix:///PATH`; `127.0.0.1:12090` by default. */
  readonly address?: string
  /** The node whose state is wanted; by default this host's name, in small letters. */
  readonly nodeName?: string
  /** Files in PEM. With `ca` the server's certificate is checked against it; `key` and `crt` say who we are. No TLS without. */
  readonly tls?: TlsFiles
  /** Told once of each problem that is new: a Service that cannot be used, a server that cannot be reached. */
  readonly onProblem?: (problem: Problem) => void
  /** Told when a change set has come, with undefined, and when there is no stream any more, with the reason. */
  readonly onConnection?: (failure: Error | undefined) => void
  /** The shortest and the longest pause between two attempts to connect, in milliseconds; 250 and 10,000 by default. */
  readonly retryMs?: readonly [shortest: number, longest: number]
}

/**
 * What a node must do, as the local API of a Sluice or KPNG tells it. While the server is away everything stays as it was, for
 * however long; when it is back, only what is different is a change.
 */
export class LocalClient implements LocalView {
  readonly #source: LocalSource

  /** @throws GrpcError when the address is none, or a key or certificate cannot be used */
  constructor(options: LocalClientOptions = {}) {
    const { address = DEFAULT_ADDRESS, nodeName = hostname().toLowerCase(), tls = {}, ...rest } = options
    const target = { address: parseGrpcAddress(address), tls: readTls(tls, 'tls.') }
    this.#source = new LocalSource({ target, nodeName, ...rest })
  }

  /** Connects. Resolves when the first state is there, however long the server is away, or when it is closed. */
  async start(): Promise<void> {
    return this.#source.start()
  }

  async next(): Promise<LocalViewChanges | undefined> {
    return this.#source.next()
  }

  local(key: ServiceKey): LocalService | undefined {
    return this.#source.local(key)
  }

  /** Grows with each change; 0 at first. */
  get revision(): number {
    return this.#source.revision
  }

  /** What is wrong at present with the server, and with what it told; empty when nothing is. */
  problems(): readonly Problem[] {
    return this.#source.problems()
  }

  /** Ends the stream; {@link next} gives undefined from now on. May be called more than once. */
  async close(): Promise<void> {
    await this.#source.close()
  }
}
