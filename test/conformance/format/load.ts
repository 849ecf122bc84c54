import { readdirSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { SuiteError } from '../error.ts'
import { promisesOfScenario } from '../promises.ts'
import type { CaseFile } from './case.ts'
import { EXTENDED_FORMAT, type ReadStep, readExtended } from './extended.ts'
import { PACKET_FLOW_FORMAT, readPacketFlow } from './packet-flow.ts'
import { Value } from './value.ts'

/** The folder of the suite's own cases. */
export const CASES_FOLDER = fileURLToPath(new URL('../cases', import.meta.url))

type ReadFile = (value: Value, name: string, readStep: ReadStep) => CaseFile

const FORMATS: Readonly<Record<string, ReadFile>> = {
  [PACKET_FLOW_FORMAT]: (value, name) => readPacketFlow(value, name, promisesOfScenario),
  [EXTENDED_FORMAT]: readExtended,
}

/**
 * Loads a case file, or all `*.json` of a folder by name.
 *
 * @throws SuiteError when a file cannot be read or is not what its format says, and when two cases share an id.
 */
export function loadCases(place: string, readStep: ReadStep): CaseFile {
  const files = filesOf(place).map((file) => loadFile(file, readStep))
  const loaded = { cases: files.flatMap(({ cases }) => cases), sections: files.flatMap(({ sections }) => sections) }
  const seen = new Map<string, string>()
  for (const { id, file } of loaded.cases) {
    const other = seen.get(id)
    if (other !== undefined) throw new SuiteError('FORMAT', `two cases are called ${id}, in ${other} and ${file}`)
    seen.set(id, file)
  }
  return loaded
}

function filesOf(place: string): string[] {
  try {
    if (!statSync(place).isDirectory()) return [place]
    const names = readdirSync(place).filter((name) => name.endsWith('.json'))
    if (names.length === 0) throw new SuiteError('FORMAT', `${place}: there is no case file`)
    return names.sort().map((name) => path.join(place, name))
  } catch (error) {
    if (error instanceof SuiteError) throw error
    throw new SuiteError('FORMAT', `${place}: ${(error as Error).message}`, error)
  }
}

function loadFile(file: string, readStep: ReadStep): CaseFile {
  const name = path.basename(file, '.json')
  const value = new Value(parse(file), path.basename(file))
  const format = value.get('format').optional((text) => text.text()) ?? value.fail('names no format')
  const read = Object.hasOwn(FORMATS, format) ? FORMATS[format] : undefined
  if (read !== undefined) return read(value, name, readStep)
  return value.get('format').fail(`"${format}" must be one of ${Object.keys(FORMATS).join(', ')}`)
}

function parse(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new SuiteError('FORMAT', `${file}: ${(error as Error).message}`, error)
  }
}
