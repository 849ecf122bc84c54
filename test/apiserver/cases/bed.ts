import { afterEach, beforeEach } from 'vitest'
import { until } from '../../lab/index.ts'
import { type Manifest, service } from '../../sluice/manifests.ts'
import { type Answer, ask, type Query, WatchClient } from '../client.ts'
import type { ServerUnderTest } from '../server-under-test.ts'

/** Tests of one API server. The server exists when they run, not before. */
export type Cases = (server: () => ServerUnderTest) => void

/** A namespace of an API server, and what a test does in it. */
export class Bed {
  readonly server: ServerUnderTest
  readonly namespace: string
  readonly #watches: WatchClient[] = []

  private constructor(server: ServerUnderTest, namespace: string) {
    this.server = server
    this.namespace = namespace
  }

  static async create(server: ServerUnderTest): Promise<Bed> {
    return new Bed(server, await server.namespace())
  }

  /** The Services of the namespace. */
  get services(): string {
    return `/api/v1/namespaces/${this.namespace}/services`
  }

  /** A Service; without address, so that a cluster has one for each. */
  web(name: string, labels: Readonly<Record<string, string>> = {}): Manifest {
    return service(name, { namespace: this.namespace, labels, clusterIPs: ['None'], ports: [{ port: 80 }] })
  }

  /** @returns the last resource version. */
  async create(...names: readonly string[]): Promise<string> {
    let version = ''
    for (const name of names) version = await this.server.create(this.web(name))
    return version
  }

  async list(query: Query = {}): Promise<Answer> {
    return ask(this.server, this.services, query)
  }

  async watch(query: Query = {}): Promise<WatchClient> {
    const client = await WatchClient.open(this.server, this.services, query)
    this.#watches.push(client)
    return client
  }

  close(): void {
    for (const watch of this.#watches) watch.close()
  }
}

/** A new one for each test of the suite. */
export function bedOf(server: () => ServerUnderTest): () => Bed {
  let bed: Bed
  beforeEach(async () => {
    bed = await Bed.create(server())
  })
  afterEach(() => bed.close())
  return () => bed
}

/** A resource version so far ahead that no test comes to it. */
export function future(version: string): string {
  return String(Number(version) + 1_000_000)
}

export function names({ body }: Answer): string[] | undefined {
  return body.items?.map(({ metadata }) => metadata.name)
}

export async function eventually(what: string, check: () => boolean): Promise<void> {
  await until(async () => check(), { timeoutMs: 20_000, everyMs: 2, what })
}

/** Waits for a watch to tell so much. @returns what it told. */
export async function told(client: WatchClient, count: number): Promise<string[]> {
  await eventually(`${count} events`, () => client.events.length >= count)
  return client.told
}
