import type { ClusterObject, Problem } from '../../model/object.ts'
import type { KpngSection } from '../../model/parse/kpng.ts'

/** Which list of a document a unit is an item of; `document` when it is a whole document. */
export type Section = 'document' | 'items' | KpngSection

/**
 * The smallest piece of a file that is read by itself: a document, or one item of a document that is a list. It is read
 * again only when its text changed, and what is wrong with it harms no other unit.
 */
export interface Unit {
  readonly section: Section
  /** `apiVersion kind` of items that do not say it themselves, from the kind of their list; empty when there is none. */
  readonly itemType: string
  readonly format: 'yaml' | 'json'
  /** Line in the file; from 1. */
  readonly line: number
  readonly bytes: Buffer
}

/** A problem whose origin is relative to its unit. */
export interface UnitProblem extends Omit<Problem, 'origin'> {
  /** Lines below the unit's first; not 0 only for syntax errors. */
  readonly line: number
  /** From 1; 0 when there is none. */
  readonly column: number
}

/** What a unit gave. */
export interface UnitContent {
  readonly objects: readonly ClusterObject[]
  readonly problems: readonly UnitProblem[]
  /** Ids of objects that could not be read; '' stands for objects that are not known. */
  readonly failed: readonly string[]
  /** Kinds that Sluice has no use for, and their number. */
  readonly skipped: readonly (readonly [kind: string, count: number])[]
}

/** A unit as it was found in a file. */
export interface ReadUnit {
  /** Equal for equal text in an equal place. */
  readonly digest: string
  readonly line: number
  /** undefined when the digest is one of those that are known already. */
  readonly content: UnitContent | undefined
}

/** Digests of units that need not be read again: a Set of them, or a Map by them. */
export interface KnownDigests {
  has(digest: string): boolean
  keys(): Iterable<string>
}

export interface ReadLimits {
  /** A file larger than this is not read. */
  readonly fileBytes: number
  /** A document larger than this is not read, even if it is a list that could be split. */
  readonly documentBytes: number
  /** A document that cannot be split, or an item of one that can, is not read when it is larger than this. */
  readonly unitBytes: number
  /** A YAML document that cannot be split into items is read at once, which takes some 40 times its size. */
  readonly wholeYamlBytes: number
  /** Such a document of more than this is not read here: {@link TooMuchWork} is thrown, and a worker is to read it. */
  readonly handOverBytes: number
}

/** A document would block this thread for too long. */
export class TooMuchWork extends Error {
  override readonly name = 'TooMuchWork'
}

const MIB = 1024 * 1024

export const DEFAULT_LIMITS: ReadLimits = {
  fileBytes: 256 * MIB,
  documentBytes: 128 * MIB,
  unitBytes: 32 * MIB,
  wholeYamlBytes: 4 * MIB,
  handOverBytes: Number.POSITIVE_INFINITY,
}

/** `1.5 MiB`. */
export function mebibytes(bytes: number): string {
  return `${Number((bytes / MIB).toFixed(1))} MiB`
}
