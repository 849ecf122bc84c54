import { DEFAULT_NODE_LABELS, type KeptKeys, keptKeys } from '../model/parse/kept-keys.ts'
import { isSourceError } from '../sources/error.ts'
import { type ApiServer, serverUrl } from '../sources/kube/api-server.ts'
import { KubeEventSender } from '../sources/kube/event-sender.ts'
import { findApiServer } from '../sources/kube/find-api-server.ts'
import { KubeSource } from '../sources/kube/kube-source.ts'
import type { Selection } from '../sources/kube/resources.ts'
import { agentOptions } from './agent-options.ts'
import type { ExitCode } from './exit-codes.ts'
import { UsageError } from './failure.ts'
import type { GivenFlags } from './given-flags.ts'
import { besideServing } from './kube-proxy/beside-serving.ts'
import { insteadOfServing } from './kube-proxy/instead-of-serving.ts'
import { kubeProxySettings } from './kube-proxy/settings.ts'
import type { RawOptions } from './options.ts'
import { toApi } from './to-api.ts'
import { type ClusterDoor, fromCluster, type SourceFactory, toNft } from './to-nft.ts'

/** `sluice kube to-local to-nft`. */
export async function kubeToNft(given: RawOptions, flags: GivenFlags): Promise<ExitCode> {
  const settings = await kubeProxySettings(given, flags)
  const done = await insteadOfServing(settings, flags)
  if (done !== undefined) return done
  const raw = settings.options
  const options = agentOptions(raw)
  const server = await apiServer(raw, process.env)
  const { nodeName, proxyName } = options
  const door: ClusterDoor = {
    open: fromCluster(options, kubeSource(raw, server, { nodeName, proxyName })),
    events: ({ onAnswer }) => (raw.events === false ? undefined : new KubeEventSender(server, nodeName, onAnswer)),
  }
  return toNft(raw, options, door, { beside: besideServing(settings), configuration: settings.configuration })
}

/** `sluice kube to-api` reads all Nodes. @throws UsageError */
export async function kubeToApi(raw: RawOptions): Promise<ExitCode> {
  return toApi(raw, await kubeStateSource(raw, undefined))
}

/** The source `kube`, of a command that has no settings of kube-proxy. @param nodeName the only Node to read; undefined for all @throws UsageError */
export async function kubeStateSource(raw: RawOptions, nodeName: string | undefined): Promise<SourceFactory> {
  const server = await apiServer(raw, process.env)
  return kubeSource(raw, server, { nodeName, proxyName: raw.serviceProxyName ?? '' })
}

function kubeSource(raw: RawOptions, server: ApiServer, selection: Selection): SourceFactory {
  const kept = keptOption(raw)
  return (store, listeners) => new KubeSource({ store, server, ...selection, kept, ...listeners })
}

/** @throws UsageError */
function keptOption(raw: RawOptions): KeptKeys {
  const { withServiceLabels, withServiceAnnotations, withNodeLabels = DEFAULT_NODE_LABELS, withNodeAnnotations } = raw
  return keptKeys({
    serviceLabels: checkedGlobs('--with-service-labels', withServiceLabels),
    serviceAnnotations: checkedGlobs('--with-service-annotations', withServiceAnnotations),
    nodeLabels: checkedGlobs('--with-node-labels', withNodeLabels),
    nodeAnnotations: checkedGlobs('--with-node-annotations', withNodeAnnotations),
  })
}

function checkedGlobs(flag: string, globs: readonly string[] = []): readonly string[] {
  try {
    keptKeys({ nodeLabels: globs })
    return globs
  } catch {
    throw new UsageError(`${flag}: "${globs.join(',')}" must be globs of keys, such as app.kubernetes.io/*`)
  }
}

/** @throws UsageError when nothing says where it is; SourceError when what says so cannot be used. */
async function apiServer(raw: RawOptions, environment: NodeJS.ProcessEnv): Promise<ApiServer> {
  const { kubeconfig, context, tlsServerName } = raw
  const servers = (raw.server ?? []).map(urlOption)
  const found = await findApiServer({ servers, kubeconfig, context, tlsServerName, environment })
  if (found !== undefined) return found
  throw new UsageError('--kubeconfig: give a kubeconfig or --server, since this is no pod of a cluster')
}

/** @throws UsageError */
function urlOption(text: string): URL {
  try {
    return serverUrl(text, '--server')
  } catch (error) {
    throw isSourceError(error) ? new UsageError(error.message) : error
  }
}
