import { ClusterHistory } from '../feed/cluster-history.ts'
import { GlobalReader } from '../feed/global-reader.ts'
import { LocalReader } from '../feed/local-reader.ts'
import type { Logger } from '../observe/log.ts'
import { WatchServer, type WatchServerOptions } from '../sinks/api/watch-server.ts'
import type { Source } from '../sources/source.ts'
import { Store } from '../store/store.ts'
import { apiServerOptions } from './api-server-options.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'
import type { RawOptions } from './options.ts'
import { aborted, type InstanceStatus, openLog, runInstance } from './run-instance.ts'
import { logListeners, type SourceFactory } from './to-nft.ts'

/** Serves what a source gives over gRPC, until a signal. @throws UsageError, GrpcError, ControlError, SourceError */
export async function toApi(raw: RawOptions, makeSource: SourceFactory): Promise<ExitCode> {
  const options = apiServerOptions(raw)
  const log = openLog(raw)
  if (options.isOpen) log.warn({ listen: raw.listen }, 'any client that can reach it may read all Services there')
  const store = new Store()
  const source = makeSource(store, logListeners(log))
  const served = await serve(store, options, log)
  try {
    await runInstance(
      raw,
      () => statusOf(store, source, served),
      async (stopping) => {
        log.info({ listen: served.server.address }, 'listening')
        await Promise.race([source.start(), aborted(stopping)])
        if (!stopping.aborted) log.info({ revision: store.revision, ...store.counts }, 'serving')
        await aborted(stopping)
        log.info('stopping')
      },
    )
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
  const cluster = await ClusterHistory.follow(store, () => made.server?.changed(), options.proxyName)
  const feeds: WatchServerOptions['feeds'] = {
    ...(options.localApi && { local: () => new LocalReader(cluster) }),
    ...(options.globalApi && { global: () => new GlobalReader(cluster) }),
  }
  made.server = await WatchServer.listen({ address: options.address, tls: options.tls, feeds, log })
  return { server: made.server, cluster }
}

function statusOf(store: Store, source: Source, { server, cluster }: Served): InstanceStatus {
  return {
    state: store.synced ? 'serving' : 'loading',
    plane: 'api',
    revision: store.revision,
    servedRevision: cluster.storeRevision,
    counts: { ...store.counts, streams: server.streamCount, streamsBehind: server.streamsBehind },
    problems: [...source.problems(), ...cluster.problems()],
  }
}
