import { ClusterHistory } from '../feed/cluster-history.ts'
import { GlobalReader } from '../feed/global-reader.ts'
import { LocalReader } from '../feed/local-reader.ts'
import { serveControl } from '../observe/control-socket.ts'
import { createLog, type Logger } from '../observe/log.ts'
import type { Status } from '../observe/status.ts'
import { WatchServer, type WatchServerOptions } from '../sinks/api/watch-server.ts'
import type { Source } from '../sources/source.ts'
import { Store } from '../store/store.ts'
import { instanceOptions } from './agent-options.ts'
import { apiServerOptions } from './api-server-options.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'
import type { RawOptions } from './options.ts'
import { logProblems, type SourceFactory } from './source-factory.ts'
import { VERSION } from './version.ts'

/** Serves what a source gives over gRPC, until a signal. @throws UsageError, GrpcError, ControlError, SourceError */
export async function toApi(raw: RawOptions, makeSource: SourceFactory): Promise<ExitCode> {
  const options = apiServerOptions(raw)
  const { instance, runDirectory } = instanceOptions(raw)
  const log = createLog({
    level: raw.logLevel ?? 'info',
    format: raw.logFormat ?? (process.stdout.isTTY ? 'text' : 'json'),
    descriptor: 1,
  })
  if (options.isOpen)
    log.warn({ listen: raw.listen }, 'any client that can reach the address may read everything there')
  const store = new Store()
  const source = makeSource(store, logProblems(log))
  const served = await serve(store, options, log)
  const startedAt = new Date().toISOString()
  const { promise: stopping, resolve: stop } = Promise.withResolvers<'stop'>()
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop('stop'))
  try {
    const control = await serveControl(runDirectory, instance, {
      status: () => ({ ...statusOf(store, source, served), instance, startedAt }),
      stop: () => stop('stop'),
    })
    try {
      log.info({ listen: served.server.address }, 'listening')
      await Promise.race([source.start(), stopping])
      log.info({ revision: store.revision, ...store.counts }, 'serving')
      await stopping
      log.info('stopping')
    } finally {
      await control.close()
    }
  } finally {
    await source.close()
    served.cluster.close()
    await served.server.close()
  }
  return EXIT.ok
}

interface Served {
  readonly server: WatchServer
  readonly cluster: ClusterHistory
}

async function serve(store: Store, options: ReturnType<typeof apiServerOptions>, log: Logger): Promise<Served> {
  const made: { server?: WatchServer } = {}
  const cluster = await ClusterHistory.follow(store, () => made.server?.changed())
  const feeds: WatchServerOptions['feeds'] = {
    ...(options.localApi && { local: () => new LocalReader(cluster) }),
    ...(options.globalApi && { global: () => new GlobalReader(cluster) }),
  }
  made.server = await WatchServer.listen({ address: options.address, tls: options.tls, feeds, log })
  return { server: made.server, cluster }
}

function statusOf(store: Store, source: Source, { server, cluster }: Served): Omit<Status, 'instance' | 'startedAt'> {
  return {
    version: VERSION,
    pid: process.pid,
    state: store.synced ? 'serving' : 'loading',
    plane: 'api',
    nodeName: '',
    revision: store.revision,
    servedRevision: store.revision,
    lastSync: '',
    lastError: '',
    counts: {
      ...store.counts,
      virtualServers: 0,
      endpoints: 0,
      transactions: 0,
      driftRepaired: 0,
      staleFlowsDeleted: 0,
      streams: server.streamCount,
    },
    nodeAddresses: [],
    problems: [...source.problems(), ...cluster.problems()],
  }
}
