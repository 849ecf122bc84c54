import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { StatusProblem } from '../../../src/observe/status.ts'
import type { LabNode } from '../../lab/index.ts'
import { writeApiCertificates } from '../../sluice/api-certificates.ts'
import type { Instance } from '../../sluice/instance.ts'
import type { Manifest } from '../../sluice/manifests.ts'
import { ToApi } from '../../sluice/to-api.ts'
import type { Feed } from './feed.ts'
import { FileFeed } from './file-feed.ts'

/** How Sluice and the server speak with each other. */
interface Transport {
  /** Makes the files that the arguments name. */
  readonly prepare?: (directory: string) => void
  /** Arguments of the server; `DIR` in them is a directory of their own. */
  readonly server: readonly string[]
  /** Arguments of Sluice. */
  readonly client: readonly string[]
}

/** The transports of the API. Each lab node has a loopback, and so all ports, of its own. */
export const TRANSPORTS = {
  tcp: { server: ['--listen', '127.0.0.1:12090'], client: ['--api', '127.0.0.1:12090'] },
  tls: {
    prepare: writeApiCertificates,
    server: [
      ...['--listen', '127.0.0.1:12090', '--listen-tls-ca', 'DIR/ca.crt'],
      ...['--listen-tls-key', 'DIR/server.key', '--listen-tls-crt', 'DIR/server.crt'],
    ],
    client: [
      ...['--api', '127.0.0.1:12090', '--api-client-tls-ca', 'DIR/ca.crt'],
      ...['--api-client-tls-key', 'DIR/client.key', '--api-client-tls-crt', 'DIR/client.crt'],
    ],
  },
  unix: { server: ['--listen', 'unix://DIR/api.sock'], client: ['--api', 'unix://DIR/api.sock'] },
} as const satisfies Readonly<Record<string, Transport>>

/** A `sluice file to-api` process in the node's namespace, of which Sluice is a client. */
export class ApiFeed implements Feed {
  readonly words: readonly string[]
  readonly #directory: string
  readonly #file: FileFeed
  readonly #server: ToApi

  private constructor(words: readonly string[], directory: string, file: FileFeed, server: ToApi) {
    this.words = words
    this.#directory = directory
    this.#file = file
    this.#server = server
  }

  /** @param source which of the APIs Sluice reads: `local` or, for the global one, `api` */
  static async open(node: LabNode, source: 'local' | 'api', transport: Transport): Promise<ApiFeed> {
    const directory = mkdtempSync(path.join(tmpdir(), 'sluice-feed-'))
    const placed = (args: readonly string[]) => args.map((arg) => arg.replace('DIR', directory))
    transport.prepare?.(directory)
    const file = new FileFeed()
    const server = ToApi.spawn(node, file.words, placed(transport.server))
    const feed = new ApiFeed([source, ...placed(transport.client)], directory, file, server)
    try {
      await server.serving()
      return feed
    } catch (error) {
      await feed.close()
      throw error
    }
  }

  async write(objects: readonly Manifest[], reader?: Instance): Promise<void> {
    // Also before Sluice starts: its first state must be these objects.
    await this.#file.write(objects, this.#server)
    if (reader === undefined) return
    await this.#server.waitFor('the objects to be taken from the server', ({ revision, servedRevision, counts }) => {
      return servedRevision === revision && counts.streams === 1 && counts.streamsBehind === 0
    })
  }

  async problems(): Promise<readonly StatusProblem[]> {
    return (await this.#server.status()).problems
  }

  async close(): Promise<void> {
    await this.#server.dispose()
    await this.#file.close()
    rmSync(this.#directory, { recursive: true, force: true })
  }
}
