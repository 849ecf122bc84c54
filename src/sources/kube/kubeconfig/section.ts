import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { readError, SourceError } from '../../error.ts'
import { parseYaml } from '../../file/yaml.ts'
import { type Material, materialFile } from '../credentials/credential.ts'
import type { Field } from './fields.ts'

/** A whole kubeconfig. @throws SourceError */
export async function readSection(file: string): Promise<Section> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw readError(file, error)
  })
  let value: unknown
  try {
    value = parseYaml(text)
  } catch {
    // The parser's message would quote the file, and so perhaps a key.
    throw new SourceError('SOURCE_SYNTAX', file, 'is no YAML')
  }
  return new Section(file, '', value)
}

/** Fields that stand beside one whose name ends in `-data`. */
type Inlinable = Extract<Field, `${string}-data`> extends `${infer Name}-data` ? Name : never

/** A mapping in a kubeconfig, and its place there for messages, which never quote what it holds. */
export class Section {
  /** The kubeconfig. */
  readonly file: string
  /** Within it; empty for the whole. */
  readonly place: string
  readonly #fields: Readonly<Record<string, unknown>>

  constructor(file: string, place: string, value: unknown) {
    this.file = file
    this.place = place
    if (!isMapping(value)) throw this.error(`${place || 'it'} is no mapping`)
    this.#fields = value
  }

  /** False also when it is null. */
  has(field: Field): boolean {
    return (this.#fields[field] ?? undefined) !== undefined
  }

  /** Undefined when it is absent or empty. */
  text(field: Field): string | undefined {
    const value = this.#fields[field] ?? ''
    if (typeof value !== 'string') throw this.error(`${this.at(field)} is no text`)
    return value === '' ? undefined : value
  }

  /** False when it is absent. */
  flag(field: Field): boolean {
    const value = this.#fields[field] ?? false
    if (typeof value !== 'boolean') throw this.error(`${this.at(field)} is neither true nor false`)
    return value
  }

  /** Empty when it is absent. */
  texts(field: Field): readonly string[] {
    return this.#texts(this.#fields[field], this.at(field))
  }

  /** Lists of texts by name; empty when it is absent. */
  textLists(field: Field): ReadonlyMap<string, readonly string[]> {
    const value = this.#fields[field] ?? {}
    if (!isMapping(value)) throw this.error(`${this.at(field)} is no mapping`)
    return new Map(Object.entries(value).map(([name, list]) => [name, this.#texts(list, `${this.at(field)}.${name}`)]))
  }

  /** A mapping within it. @throws SourceError when it is none, or absent. */
  section(field: Field): Section {
    return new Section(this.file, this.at(field), this.#fields[field])
  }

  /** The entries of a list; empty when it is absent. */
  entries(list: Field): readonly Readonly<Record<string, unknown>>[] {
    const value = this.#fields[list] ?? []
    if (!Array.isArray(value) || !value.every(isMapping)) throw this.error(`${this.at(list)} is no list of mappings`)
    return value
  }

  /** The entry with this name in one of the lists; undefined when there is none. */
  named(list: Field, name: string): Section | undefined {
    const found = this.entries(list).find((entry) => entry['name'] === name)
    return found && new Section(this.file, `${this.at(list)}[${name}]`, found)
  }

  /** What `FIELD-data` holds in base64, or the file that FIELD names; undefined when neither is there. */
  material(field: Inlinable): Material | undefined {
    const data = this.text(`${field}-data`)
    if (data !== undefined) {
      const bytes = Buffer.from(data, 'base64')
      return { origin: `${this.file}: ${this.at(`${field}-data`)}`, isFile: false, read: async () => bytes }
    }
    const name = this.text(field)
    return name === undefined ? undefined : materialFile(this.resolve(name))
  }

  /** Relative paths start at the kubeconfig that has them. */
  resolve(file: string): string {
    return path.resolve(path.dirname(this.file), file)
  }

  /** Where a field of it is within the file, for messages. */
  at(field: string): string {
    return this.place === '' ? field : `${this.place}.${field}`
  }

  /** With SOURCE_SYNTAX. */
  error(message: string): SourceError {
    return new SourceError('SOURCE_SYNTAX', this.file, message)
  }

  #texts(value: unknown, place: string): readonly string[] {
    const list = value ?? []
    const isTexts = Array.isArray(list) && list.every((entry) => typeof entry === 'string')
    if (!isTexts) throw this.error(`${place} is no list of texts`)
    return list
  }
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
