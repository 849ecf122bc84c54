import { ApiServer } from '../../apiserver/api-server.ts'
import type { Collection } from '../../apiserver/collections.ts'
import { listenIn } from '../../apiserver/listen-in.ts'
import { WATCHED } from '../../fixtures/kube-bed.ts'
import { type LabNode, until } from '../../lab/index.ts'
import type { Instance } from '../../sluice/instance.ts'
import type { Manifest } from '../../sluice/manifests.ts'
import { objectName } from '../format/objects.ts'
import type { Feed } from './feed.ts'

const TAKEN_MS = 10_000

/** An API server in the node's namespace: each object that differs is an event of its own. */
export class KubeFeed implements Feed {
  readonly words: readonly string[]
  readonly #server: ApiServer
  #objects = new Map<string, { readonly object: Manifest; readonly text: string }>()

  private constructor(server: ApiServer) {
    this.#server = server
    this.words = ['kube', '--server', server.url]
  }

  static async open(node: LabNode): Promise<KubeFeed> {
    const server = new ApiServer()
    await listenIn(node, server)
    return new KubeFeed(server)
  }

  async write(objects: readonly Manifest[], reader?: Instance): Promise<void> {
    const before = this.#objects
    const named = objects.map(withNamespace).map((object) => [objectName(object), object] as const)
    this.#objects = new Map(named.map(([name, object]) => [name, { object, text: JSON.stringify(object) }]))
    const gone = [...before].filter(([name]) => !this.#objects.has(name))
    this.#server.delete(...gone.map(([, { object }]) => object))
    const changed = [...this.#objects].filter(([name, { text }]) => before.get(name)?.text !== text)
    this.#server.set(...changed.map(([, { object }]) => object))
    if (reader !== undefined) await this.#taken()
  }

  async close(): Promise<void> {
    await this.#server.close()
  }

  /** A watch that is ended goes on from what Sluice has taken, and so tells what that is. */
  async #taken(): Promise<void> {
    const version = Number(this.#server.advance())
    const isTaken = (collection: Collection) => {
      const from = Number(this.#server.seen(collection, 'watch').at(-1)?.query.get('resourceVersion'))
      if (from < version) this.#server.endWatches(collection)
      return from >= version
    }
    const areTaken = async () => WATCHED.map(isTaken).every(Boolean)
    await until(areTaken, { timeoutMs: TAKEN_MS, everyMs: 2, what: 'the objects to be taken from the API server' })
  }
}

const NAMESPACED = new Set(['Service', 'EndpointSlice'])

/** As an API server stores it: `kubectl apply` puts what names no namespace into the default one. */
function withNamespace(object: Manifest): Manifest {
  if (!NAMESPACED.has(String(object['kind']))) return object
  const metadata = object['metadata'] as Manifest | null | undefined
  const namespace = metadata?.['namespace'] ?? 'default'
  return { ...object, metadata: { ...metadata, namespace } }
}
