import { type Manifest, ManifestFolder, nodeObject } from '../../sluice/manifests.ts'
import type { SluiceProcess } from '../../sluice/process.ts'
import type { Feed } from './feed.ts'

const MANIFESTS = 'objects.yaml'
/** A node that no case knows; it changes with every write, so that the revision tells when Sluice has read it. */
const MARKER = 'conformance-revision'

/** A file that is replaced as a whole: one write is one update. */
export class FileFeed implements Feed {
  readonly words: readonly string[]
  readonly #folder = new ManifestFolder()
  #writes = 0

  constructor() {
    this.words = ['file', '--input', this.#folder.path]
  }

  async write(objects: readonly Manifest[], reader?: SluiceProcess): Promise<void> {
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
