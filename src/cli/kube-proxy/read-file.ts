import { readFile } from 'node:fs/promises'
import { familyOf, parseIp } from '../../model/ip.ts'
import { readError, SourceError } from '../../sources/error.ts'
import { parseYaml, SyntaxProblem } from '../../sources/file/yaml.ts'
import { UsageError } from '../failure.ts'
import { API_VERSION, configurationOf, isField, KIND, type KubeProxyConfiguration } from './configuration.ts'
import { faultsOf } from './rules.ts'
import { FIELDS, type Field, type Section } from './table.ts'
import { type ConfigValue, textOf } from './value-types.ts'

/** A KubeProxyConfiguration as a file has it. */
export interface ConfigurationFile {
  readonly path: string
  /** What was read, for whoever wants to know whether it changed. */
  readonly content: string
  readonly configuration: KubeProxyConfiguration
  /** What kube-proxy passes over, though it may be a mistake: unknown fields, fields that are there twice, a second document; empty when none. */
  readonly oddities: readonly string[]
}

/** @throws SourceError when it cannot be read or is no YAML; UsageError that names each field that is wrong. */
export async function readConfigurationFile(path: string): Promise<ConfigurationFile> {
  const content = await readFile(path, 'utf8').catch((error: unknown) => {
    throw readError(path, error)
  })
  return { path, content, ...parseConfiguration(path, content) }
}

/** The same for what was read. @param path what messages call it */
export function parseConfiguration(
  path: string,
  content: string,
): Pick<ConfigurationFile, 'configuration' | 'oddities'> {
  const oddities: string[] = []
  const document = parsed(path, content, (field) => oddities.push(`${field} is there twice`))
  checkKind(path, document)
  if (hasSecondDocument(content)) oddities.push('there are documents behind the first')
  const { apiVersion: _version, kind: _kind, ...fields } = document
  const reader = new FieldReader()
  reader.read(FIELDS, '', fields)
  setAddressDefaults(reader.values)
  const configuration = configurationOf(reader.values)
  const faults = reader.faults.length > 0 ? reader.faults : faultsOf(configuration)
  if (faults.length > 0) throw new UsageError(faults.map((fault) => `${path}: ${fault}`).join('\n'))
  return { configuration, oddities: [...oddities, ...reader.unknown.map((field) => `${field} is unknown`)] }
}

function parsed(path: string, content: string, onDuplicate: (field: string) => void): Record<string, unknown> {
  let document: unknown
  try {
    document = parseYaml(content, onDuplicate)
  } catch (error) {
    if (!(error instanceof SyntaxProblem)) throw error
    throw new SourceError('SOURCE_SYNTAX', `${path}:${error.line + 1}`, error.message, error)
  }
  if (isMapping(document)) return document
  throw new SourceError('SOURCE_SYNTAX', path, `there is no ${KIND}`)
}

/** As kube-proxy, Sluice reads the first. */
function hasSecondDocument(content: string): boolean {
  const behindFirstMark = content.replace(/^(\s*(#.*)?\n)*---(\s|$)/, '')
  return /^---\s+\S/m.test(behindFirstMark)
}

function checkKind(path: string, { apiVersion, kind }: Record<string, unknown>): void {
  if (apiVersion === API_VERSION && kind === KIND) return
  const found = `apiVersion ${show(apiVersion)}, kind ${show(kind)}`
  throw new UsageError(`${path}: ${found}: must be apiVersion ${API_VERSION}, kind ${KIND}`)
}

/** Reads the sections of a document, and goes on after what is wrong, so that everything is said at once. */
class FieldReader {
  readonly values = new Map<string, ConfigValue>()
  readonly unknown: string[] = []
  readonly faults: string[] = []

  read(section: Section, place: string, value: unknown): void {
    if (value === undefined || value === null) return
    if (!isMapping(value)) {
      this.faults.push(`${place}: ${show(value)} must be a section with fields`)
      return
    }
    for (const [name, one] of Object.entries(value)) {
      const path = place === '' ? name : `${place}.${name}`
      const entry = Object.hasOwn(section, name) ? section[name] : undefined
      if (entry === undefined) this.unknown.push(path)
      else if (isField(entry)) this.#readField(entry, path, one)
      else this.read(entry, path, one)
    }
  }

  #readField(field: Field, path: string, value: unknown): void {
    if (value === undefined || value === null) return
    const read = field.type.fromFile(value)
    if (read === undefined) this.faults.push(`${path}: ${show(value)} must be ${field.type.accepts}`)
    else if (!(field.zeroIsUnset === true && isZero(read, field))) this.values.set(path, read)
  }
}

function isZero(value: ConfigValue, { type }: Field): boolean {
  return value === type.zero || (value === '0s' && type.zero === 0)
}

/** Where health and metrics are served by default depends on the family of bindAddress. */
function setAddressDefaults(values: Map<string, ConfigValue>): void {
  const address = parseIp(textOf(values.get('bindAddress')))
  if (address === undefined || familyOf(address) === 4) return
  for (const [path, text] of [
    ['healthzBindAddress', '[::]:10256'],
    ['metricsBindAddress', '[::1]:10249'],
  ] as const) {
    if (!values.has(path)) values.set(path, text)
  }
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The value as JSON, not too long for a line. */
function show(value: unknown): string {
  const text = value === undefined ? 'none' : JSON.stringify(value)
  return text.length > 100 ? `${text.slice(0, 100)}...` : text
}
