import { isUtf8 } from 'node:buffer'
import type { Problem } from '../../model/object.ts'
import { isKpngState, parseKpngItem, parseKpngState } from '../../model/parse/kpng.ts'
import { emptyResult, type ParseResult, parseKind, parseObject } from '../../model/parse/object.ts'
import { mebibytes, type ReadLimits, TooMuchWork, type Unit, type UnitContent } from './unit.ts'
import { parseYaml, SyntaxProblem } from './yaml.ts'
import { parsePlainYaml } from './yaml-plain.ts'

/**
 * Reads a unit. What is wrong is in the content's problems.
 *
 * @param mayNeedOthers an alias whose anchor is not in the unit is thrown, since the rest of its document may have it
 * @throws SyntaxProblem only for such an alias; TooMuchWork.
 */
export function readUnit(unit: Unit, limits: ReadLimits, mayNeedOthers: boolean): UnitContent {
  if (unit.bytes.length > limits.unitBytes) {
    return failedContent(
      `${mebibytes(unit.bytes.length)} in one piece; accepted: at most ${mebibytes(limits.unitBytes)}`,
    )
  }
  try {
    return contentOf(parseUnit(unit, textOf(unit), limits))
  } catch (error) {
    if (error instanceof TooMuchWork) throw error
    if (!(error instanceof SyntaxProblem)) return failedContent(`cannot be read: ${String(error)}`)
    if (error.unknownAlias && mayNeedOthers) throw error
    return failedContent(`syntax error: ${error.message}`, error.line, error.column)
  }
}

/** The content of something that could not be read at all. */
export function failedContent(message: string, line = 0, column = 0): UnitContent {
  const problem = { severity: 'error', object: '', field: '', message, line, column } as const
  return { objects: [], problems: [problem], failed: [''], skipped: [] }
}

function parseUnit(unit: Unit, text: string, limits: ReadLimits): ParseResult {
  const value = unit.format === 'json' ? parseJson(text, limits) : parseLimited(text, limits)
  const item = unit.format === 'yaml' && Array.isArray(value) ? (value[0] as unknown) : value
  switch (unit.section) {
    case 'document':
      return isKpngState(value) ? parseKpngState(value, '') : parseObject(value, '')
    case 'items':
      return parseItem(unit.itemType, item)
    case 'nodes':
    case 'services':
    case 'servicecidrs':
      return parseKpngItem(unit.section, item, '')
  }
}

function parseItem(itemType: string, item: unknown): ParseResult {
  if (item === null || item === undefined) return emptyResult()
  const [apiVersion = '', kind = ''] = itemType.split(' ', 2)
  return itemType === '' ? parseObject(item, '') : parseKind(apiVersion, kind, item, '')
}

/** YAML that looks like JSON, with a comment or a comma too many, is YAML after all. */
function parseJson(text: string, limits: ReadLimits): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return parseLimited(text, limits)
  }
}

function parseLimited(text: string, limits: ReadLimits): unknown {
  const value = parsePlainYaml(text)
  if (value !== undefined) return value
  if (text.length > limits.handOverBytes) throw new TooMuchWork()
  if (text.length > limits.wholeYamlBytes) {
    const accepted = `at most ${mebibytes(limits.wholeYamlBytes)}, or a List in block style, JSON, or several documents`
    throw new SyntaxProblem(`a YAML document of ${mebibytes(text.length)} in one piece; accepted: ${accepted}`)
  }
  return parseYaml(text)
}

function textOf({ bytes }: Unit): string {
  if (!isUtf8(bytes)) throw new SyntaxProblem('is not UTF-8 text')
  return bytes.toString('utf8')
}

function contentOf({ objects, problems, failed, skippedKinds }: ParseResult): UnitContent {
  return { objects, problems: problems.map(unitProblem), failed, skipped: [...skippedKinds] }
}

function unitProblem({ severity, object, field, message }: Problem): UnitContent['problems'][number] {
  return { severity, object, field, message, line: 0, column: 0 }
}
