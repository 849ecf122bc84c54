import path from 'node:path'
import { isSourceError, SourceError } from '../../error.ts'
import { type ApiServer, serverUrl } from '../api-server.ts'
import { authority } from '../credentials/credential.ts'
import { environmentProxy, fixedProxy } from '../proxy.ts'
import { readSection, type Section } from './section.ts'
import { identity } from './user.ts'

export interface KubeconfigOptions {
  /** The files; of two entries with the same name that of the earlier file counts. */
  readonly files: readonly string[]
  /** A file that does not exist is passed over. */
  readonly mayBeMissing: boolean
  /** Counts before `current-context`; undefined for that. */
  readonly context: string | undefined
  /** For its proxies. */
  readonly environment: NodeJS.ProcessEnv
}

/**
 * The API server that a context of a kubeconfig names, by kubeconfig.v1's rules: inline data counts before files, and
 * relative paths start at the kubeconfig that has them.
 *
 * @returns undefined when none of the files exists.
 * @throws SourceError when a file cannot be read, or when it asks for what is not supported.
 */
export async function readKubeconfig(options: KubeconfigOptions): Promise<ApiServer | undefined> {
  const files = await Promise.all(options.files.map(async (file) => readOne(path.resolve(file), options.mayBeMissing)))
  const sections = files.filter((section) => section !== undefined)
  if (sections.length === 0) return undefined
  const name = options.context ?? sections.map((section) => section.text('current-context')).find(Boolean)
  if (name === undefined) throw refusal(sections, 'has no current-context; name a context with --context')
  const context = entry(sections, 'contexts', name).section('context')
  const cluster = entry(sections, 'clusters', context.text('cluster') ?? '').section('cluster')
  const user = userOf(sections, context.text('user'))
  const proxyText = cluster.text('proxy-url')
  const environment = environmentProxy(options.environment)
  const proxy =
    proxyText === undefined ? environment : fixedProxy(proxyText, `${cluster.file}: ${cluster.at('proxy-url')}`)
  const ca = cluster.material('certificate-authority')
  const isInsecure = cluster.flag('insecure-skip-tls-verify')
  if (isInsecure && ca !== undefined) {
    throw cluster.error(`${cluster.at('insecure-skip-tls-verify')} contradicts the certificate authority beside it`)
  }
  const serverName = cluster.text('tls-server-name')
  return {
    url: serverUrl(cluster.text('server') ?? '', cluster.file),
    ...(ca && { ca: authority(ca) }),
    ...(serverName !== undefined && { serverName }),
    isInsecure,
    isUncompressed: cluster.flag('disable-compression'),
    proxy,
    ...(user && identity(user, cluster, environment)),
  }
}

async function readOne(file: string, mayBeMissing: boolean): Promise<Section | undefined> {
  return readSection(file).catch((error: unknown) => {
    if (mayBeMissing && isSourceError(error, 'SOURCE_NOT_FOUND')) return undefined
    throw error
  })
}

function entry(sections: readonly Section[], list: 'contexts' | 'clusters' | 'users', name: string): Section {
  for (const section of sections) {
    const found = section.named(list, name)
    if (found !== undefined) return found
  }
  throw refusal(sections, `${list} has no entry "${name}"`)
}

function refusal(sections: readonly Section[], message: string): SourceError {
  return new SourceError('SOURCE_SYNTAX', sections.map(({ file }) => file).join(':'), message)
}

/** Without a user the client is anonymous. */
function userOf(sections: readonly Section[], name: string | undefined): Section | undefined {
  return name === undefined ? undefined : entry(sections, 'users', name).section('user')
}
