import { ApiServer } from '../apiserver/api-server.ts'
import type { Collection } from '../apiserver/collections.ts'
import { listenIn } from '../apiserver/listen-in.ts'
import { WATCHED } from '../fixtures/kube-bed.ts'
import { type LabNode, until } from '../lab/index.ts'
import type { Instance } from '../sluice/instance.ts'
import { type Manifest, ManifestFolder, nodeObject } from '../sluice/manifests.ts'
import { objectName } from './format/objects.ts'

/** How the objects of one case get to Sluice. */
export interface Feed {
  /** The source and its options, as Sluice's first words. */
  readonly words: readonly string[]
  /** Makes these all objects that there are; with a running Sluice, waits until it has them in its store. */
  write(objects: readonly Manifest[], reader?: Instance): Promise<void>
  close(): Promise<void>
}

/** A source of Sluice that the cases can be fed through. */
export interface Source {
  readonly name: string
  /** A feed for one case on a node; without objects yet. */
  readonly open: (node: LabNode) => Promise<Feed>
}

const MANIFESTS = 'objects.yaml'
/** A node that no case knows; it changes with every write, so that the revision tells when Sluice has read it. */
const MARKER = 'conformance-revision'
const TAKEN_MS = 10_000

/** A file that is replaced as a whole: one write is one update. */
class FileFeed implements Feed {
  readonly words: readonly string[]
  readonly #folder = new ManifestFolder()
  #writes = 0

  constructor() {
    this.words = ['file', '--input', this.#folder.path]
  }

  async write(objects: readonly Manifest[], reader?: Instance): Promise<void> {
    const before = await reader?.status()
    // An address, since labels that mean nothing to Sluice change nothing.
    const marker = nodeObject(MARKER, [`198.19.${++this.#writes >> 8}.${this.#writes & 255}`])
    this.#folder.write(MANIFESTS, [...objects, marker])
    await reader?.waitFor('the objects to be read', ({ revision }) => revision > (before?.revision ?? 0))
  }

  async close(): Promise<void> {
    this.#folder.dispose()
  }
}

/** An API server in the node's namespace: each object that differs is an event of its own. */
class KubeFeed implements Feed {
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

/** The sources that there are, by the name that `--source` takes. */
export const SOURCES: Readonly<Record<'file' | 'kube', Source>> = {
  file: { name: 'file', open: async () => new FileFeed() },
  kube: { name: 'kube', open: (node) => KubeFeed.open(node) },
}
