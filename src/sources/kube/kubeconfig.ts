import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { parse } from 'yaml'
import { readError, SourceError } from '../error.ts'
import { type ApiServer, serverUrl, tokenFile } from './api-server.ts'

/** What would change how the server is talked to, and is not supported. To pass over it would fail less clearly. */
const UNSUPPORTED = { cluster: ['proxy-url'], user: ['exec', 'auth-provider', 'username', 'as'] } as const

/**
 * The API server that the current context of a kubeconfig names, by kubeconfig.v1's rules: inline data counts before files,
 * and relative paths start at the kubeconfig.
 *
 * @throws SourceError when the file or one that it names cannot be read, or when it asks for what is not supported.
 */
export async function readKubeconfig(file: string): Promise<ApiServer> {
  const config = new Section(file, '', await parsed(file))
  const context = config.named('contexts', config.text('current-context') ?? '').section('context')
  const cluster = config.named('clusters', context.text('cluster') ?? '').section('cluster')
  const user = config.named('users', context.text('user') ?? '').section('user')
  cluster.refuse(UNSUPPORTED.cluster)
  user.refuse(UNSUPPORTED.user)
  const [ca, cert, key] = await Promise.all([
    cluster.material('certificate-authority'),
    user.material('client-certificate'),
    user.material('client-key'),
  ])
  const serverName = cluster.text('tls-server-name')
  const token = tokenOf(user)
  return {
    url: serverUrl(cluster.text('server') ?? '', file),
    ...(ca && { ca }),
    ...(cert && { cert }),
    ...(key && { key }),
    ...(serverName !== undefined && { serverName }),
    ...(token && { token }),
    isInsecure: cluster.raw('insecure-skip-tls-verify') === true,
  }
}

async function parsed(file: string): Promise<unknown> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw readError(file, error)
  })
  try {
    return parse(text)
  } catch {
    // The parser's message would quote the file, and so perhaps a key.
    throw new SourceError('SOURCE_SYNTAX', file, 'is no YAML')
  }
}

/** A file counts before a token beside it, as it is the newer one. */
function tokenOf(user: Section): ApiServer['token'] {
  const file = user.text('tokenFile')
  if (file !== undefined) return tokenFile(user.resolve(file))
  const token = user.text('token')
  return token === undefined ? undefined : async () => token
}

/** A mapping in the kubeconfig, and its place there for messages. */
class Section {
  readonly #file: string
  readonly #place: string
  readonly #fields: Readonly<Record<string, unknown>>

  constructor(file: string, place: string, value: unknown) {
    this.#file = file
    this.#place = place
    if (typeof value !== 'object' || value === null) throw this.#error(`${place || 'it'} is no mapping`)
    this.#fields = value as Record<string, unknown>
  }

  raw(field: string): unknown {
    return this.#fields[field]
  }

  /** Undefined when it is absent or empty. */
  text(field: string): string | undefined {
    const value = this.#fields[field] ?? ''
    if (typeof value !== 'string') throw this.#error(`${this.#path(field)} is no text`)
    return value === '' ? undefined : value
  }

  section(field: string): Section {
    return new Section(this.#file, this.#path(field), this.#fields[field])
  }

  /** The entry with this name in one of the lists. */
  named(list: string, name: string): Section {
    const entries: unknown = this.#fields[list]
    const found: unknown = Array.isArray(entries)
      ? entries.find((entry: unknown) => (entry as { name?: unknown } | null)?.name === name)
      : undefined
    if (found === undefined) throw this.#error(`${this.#path(list)} has no entry "${name}"`)
    return new Section(this.#file, `${this.#path(list)}[${name}]`, found)
  }

  /** What `FIELD-data` holds in base64, or the file that FIELD names. */
  async material(field: string): Promise<Buffer | undefined> {
    const data = this.text(`${field}-data`)
    if (data !== undefined) return Buffer.from(data, 'base64')
    const name = this.text(field)
    if (name === undefined) return undefined
    const file = this.resolve(name)
    return readFile(file).catch((error: unknown) => {
      throw readError(file, error)
    })
  }

  refuse(fields: readonly string[]): void {
    const field = fields.find((name) => this.#fields[name] !== undefined)
    if (field !== undefined) {
      throw new SourceError('SOURCE_CREDENTIALS', this.#file, `${this.#path(field)} is not supported yet`)
    }
  }

  resolve(file: string): string {
    return path.resolve(path.dirname(this.#file), file)
  }

  #path(field: string): string {
    return this.#place === '' ? field : `${this.#place}.${field}`
  }

  #error(message: string): SourceError {
    return new SourceError('SOURCE_SYNTAX', this.#file, message)
  }
}
