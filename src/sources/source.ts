import type { Problem } from '../model/object.ts'

/** Something that fills the store with the cluster's state: a file, the Kubernetes API, or another Sluice or KPNG. */
export interface Source {
  /**
   * Begins to fill the store. Resolves when the whole initial state is in it and it is marked as synced.
   *
   * @throws SourceError when there is nothing to begin with, for example when an input does not exist.
   */
  start(): Promise<void>

  /** What is wrong with the state at present; empty when nothing is. */
  problems(): readonly Problem[]

  /** Stops; the store keeps what it has. Nothing is applied after it resolved. May be called more than once. */
  close(): Promise<void>
}
