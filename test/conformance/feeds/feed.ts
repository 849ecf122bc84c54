import type { StatusProblem } from '../../../src/observe/status.ts'
import type { LabNode } from '../../lab/index.ts'
import type { Instance } from '../../sluice/instance.ts'
import type { Manifest } from '../../sluice/manifests.ts'

/** How the objects of one case get to Sluice. */
export interface Feed {
  /** The source and its options, as Sluice's first words. */
  readonly words: readonly string[]
  /** Makes these all objects that there are; with a running Sluice, waits until it has taken them. */
  write(objects: readonly Manifest[], reader?: Instance): Promise<void>
  /** What another process than Sluice's own says of the objects, since it reads them; absent where Sluice reads them itself. */
  problems?(): Promise<readonly StatusProblem[]>
  close(): Promise<void>
}

/** A source of Sluice that the cases can be fed through. */
export interface Source {
  readonly name: SourceName
  /** A feed for one case on a node; without objects yet. */
  readonly open: (node: LabNode) => Promise<Feed>
}

/** What `--source` takes. */
export const SOURCE_NAMES = ['file', 'kube', 'api-tcp', 'api-tls', 'api-unix', 'api-global'] as const
export type SourceName = (typeof SOURCE_NAMES)[number]
