import { hostname } from 'node:os'
import { LocalSource } from '../sources/api/local-source.ts'
import { apiTarget } from './api-target.ts'
import type { ExitCode } from './exit-codes.ts'
import type { RawOptions } from './options.ts'
import { toFile } from './to-file.ts'
import { toHealthchecks } from './to-healthchecks.ts'
import { toJson } from './to-json.ts'
import { type AgentFeed, fromCluster, type SourceFactory, type SourceListeners } from './to-nft.ts'

/** Opens what a node is fed from. */
type OpenState = (listeners: SourceListeners) => AgentFeed

/** Makes a source; `nodeName` is that of the only Node that is of interest, undefined when all are. */
export type OpenSource = (raw: RawOptions, nodeName: string | undefined) => SourceFactory | Promise<SourceFactory>

/** Runs a command. */
export type Run = (raw: RawOptions) => Promise<ExitCode>

/** What takes one node's state and is no data plane. */
const NODE_SINKS = { 'to-json': toJson, 'to-healthchecks': toHealthchecks } as const satisfies Record<
  string,
  (raw: RawOptions, nodeName: string, open: OpenState) => Promise<ExitCode>
>

/** The commands of all sinks that are no data planes, with each of these sources, and with a server's local API. */
export function sinkPipelines(sources: Readonly<Record<string, OpenSource>>): Readonly<Record<string, Run>> {
  return Object.fromEntries(pipelines(sources))
}

function* pipelines(sources: Readonly<Record<string, OpenSource>>): Generator<[words: string, run: Run]> {
  for (const [source, open] of Object.entries(sources)) {
    yield [`${source} to-file`, async (raw) => toFile(raw, await open(raw, undefined))]
    for (const [sink, run] of Object.entries(NODE_SINKS)) {
      yield [
        `${source} to-local ${sink}`,
        async (raw) => {
          const nodeName = nodeNameOf(raw)
          const proxyName = raw.serviceProxyName ?? ''
          return run(raw, nodeName, fromCluster({ nodeName, proxyName }, await open(raw, nodeName)))
        },
      ]
    }
  }
  for (const [sink, run] of Object.entries(NODE_SINKS)) {
    yield [`local ${sink}`, async (raw) => run(raw, nodeNameOf(raw), fromLocalApi(raw))]
  }
}

/** @throws UsageError, GrpcError */
function fromLocalApi(raw: RawOptions): OpenState {
  const target = apiTarget(raw)
  return ({ onProblem }) => {
    const source = new LocalSource({ target, nodeName: nodeNameOf(raw), onProblem })
    return { source, state: source }
  }
}

function nodeNameOf({ nodeName }: RawOptions): string {
  return nodeName ?? hostname().toLowerCase()
}
