import { EXEC_VERSIONS, type ExecPlugin } from '../credentials/exec-plugin.ts'
import type { Section } from './section.ts'

/** The name under which a cluster's extensions have what a credential plugin is to know. */
const EXTENSION = 'client.authentication.k8s.io/exec'

/** The credential plugin of a user. @throws SourceError when it is incomplete, of another version, or wants a terminal. */
export function execPlugin(exec: Section, cluster: Section): ExecPlugin {
  const version = exec.text('apiVersion')
  const apiVersion = EXEC_VERSIONS.find((known) => known === version)
  const command = exec.text('command')
  if (apiVersion === undefined) throw exec.error(`${exec.at('apiVersion')} must be one of ${EXEC_VERSIONS.join(', ')}`)
  if (command === undefined) throw exec.error(`${exec.at('command')} is missing`)
  checkMode(exec, apiVersion)
  return {
    origin: `${exec.file}: ${exec.place}`,
    apiVersion,
    // A bare name is looked for on the path, and everything else starts at the kubeconfig.
    command: command.includes('/') ? exec.resolve(command) : command,
    args: exec.texts('args'),
    env: environmentOf(exec),
    installHint: exec.text('installHint') ?? '',
    ...(exec.flag('provideClusterInfo') && { cluster: async () => clusterInfo(cluster) }),
  }
}

/** A daemon has no terminal. Only v1beta1 has a default. */
function checkMode(exec: Section, apiVersion: ExecPlugin['apiVersion']): void {
  const fallback = apiVersion.endsWith('/v1') ? undefined : 'IfAvailable'
  const mode = exec.text('interactiveMode') ?? fallback
  if (mode === 'Always') throw exec.error(`${exec.at('interactiveMode')} is Always, and here is nobody to ask`)
  if (mode === 'Never' || mode === 'IfAvailable') return
  throw exec.error(`${exec.at('interactiveMode')} must be Never, IfAvailable or Always`)
}

function environmentOf(exec: Section): Readonly<Record<string, string>> {
  const pairs = exec.entries('env').map(({ name, value = '' }) => {
    if (typeof name === 'string' && typeof value === 'string') return [name, value] as const
    throw exec.error(`${exec.at('env')} is no list of name and value`)
  })
  return Object.fromEntries(pairs)
}

/** A Cluster of client.authentication.k8s.io. */
async function clusterInfo(cluster: Section): Promise<Readonly<Record<string, unknown>>> {
  const ca = await cluster.material('certificate-authority')?.read()
  const config = cluster.entries('extensions').find(({ name }) => name === EXTENSION)?.['extension']
  return {
    server: cluster.text('server'),
    'tls-server-name': cluster.text('tls-server-name'),
    'insecure-skip-tls-verify': cluster.flag('insecure-skip-tls-verify'),
    'certificate-authority-data': ca?.toString('base64'),
    'proxy-url': cluster.text('proxy-url'),
    'disable-compression': cluster.flag('disable-compression'),
    config,
  }
}
