import { hash } from 'node:crypto'
import { type Document, DocumentSplitter } from './document.ts'
import { failedContent, readUnit } from './read-unit.ts'
import { type KnownDigests, mebibytes, type ReadLimits, type ReadUnit, type Unit } from './unit.ts'
import { unitsOf, wholeDocument } from './units.ts'
import { SyntaxProblem } from './yaml.ts'

/** Something that looks like an anchor: then an item may need another one to be read. */
const ANCHOR = /(?:^|[\s:,[{-])&[A-Za-z0-9_]/m

/**
 * Reads a file's units one by one as its chunks come in.
 *
 * @param known digests of units whose content is known and is not read again
 */
export function* readDocuments(
  chunks: Iterable<Uint8Array>,
  known: KnownDigests,
  limits: ReadLimits,
): Generator<ReadUnit> {
  const splitter = new DocumentSplitter(limits.documentBytes)
  for (const chunk of chunks) for (const document of splitter.push(chunk)) yield* readDocument(document, known, limits)
  for (const document of splitter.end()) yield* readDocument(document, known, limits)
}

function* readDocument(document: Document, known: KnownDigests, limits: ReadLimits): Generator<ReadUnit> {
  const { line, bytes, tooLarge } = document
  if (tooLarge) {
    const content = failedContent(`a document of more than ${mebibytes(limits.documentBytes)}, the most that is read`)
    yield { digest: 'too large', line, content }
    return
  }
  const units = unitsOf(document)
  const [first] = units
  if (first === undefined) return
  const mayNeedOthers = first.section !== 'document' && ANCHOR.test(bytes.toString('latin1'))
  if (!mayNeedOthers) {
    for (const unit of units) yield read(unit, known, limits, false)
    return
  }
  try {
    // Nothing may be given away before it is certain that each item can be read by itself.
    yield* units.map((unit) => read(unit, known, limits, true))
  } catch (error) {
    if (!(error instanceof SyntaxProblem)) throw error
    yield read(wholeDocument(document), known, limits, false)
  }
}

function read(unit: Unit, known: KnownDigests, limits: ReadLimits, mayNeedOthers: boolean): ReadUnit {
  const digest = `${unit.section} ${unit.itemType} ${hash('sha256', unit.bytes, 'base64url')}`
  const content = known.has(digest) ? undefined : readUnit(unit, limits, mayNeedOthers)
  return { digest, line: unit.line, content }
}
