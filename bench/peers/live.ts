import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Family } from '../../src/model/ip.ts'
import type { VirtualServer } from '../../src/virtual-server/virtual-server.ts'
import { ApiServer } from '../../test/apiserver/api-server.ts'
import { kill, spawnBound } from '../../test/lab/processes.ts'
import { nodeObject } from '../../test/sluice/manifests.ts'
import { SLUICE } from '../../test/sluice/process.ts'
import { serviceManifest, sliceManifest } from '../support/manifests.ts'
import type { BenchNetns } from '../support/netns.ts'
import { NODE_NAME } from '../support/pipeline.ts'
import { POD_CIDRS } from '../support/services.ts'
import { peakMemory } from './program.ts'

/** What a proxy's process is started with. */
export interface LiveContext {
  /** Of the API server. */
  readonly url: string
  /** A folder of its own. */
  readonly folder: string
  readonly family: Family
}

/** A proxy that can be run whole, with an API server. */
export interface LiveProxy {
  readonly name: string
  command(context: LiveContext): readonly [string, ...string[]]
  /** Version, for the report. */
  readonly version: readonly [string, ...string[]]
}

/** A proxy's process and the API server that it watches, both in the node's namespace. */
export class LiveProcess {
  readonly #proxy: LiveProxy
  readonly #node: BenchNetns
  readonly #family: Family
  readonly #folder = mkdtempSync(path.join(tmpdir(), 'bench-peer-'))
  readonly #api = new ApiServer()
  #child: ChildProcess | undefined
  #output = ''

  constructor(proxy: LiveProxy, node: BenchNetns, family: Family) {
    this.#proxy = proxy
    this.#node = node
    this.#family = family
  }

  /** What the process said; the end of it. */
  get output(): string {
    return this.#output
  }

  get hasEnded(): boolean {
    return this.#child !== undefined && this.#child.exitCode !== null
  }

  /** Bytes; 0 when it does not run. */
  get peakBytes(): number {
    return peakMemory(this.#child?.pid ?? 0)
  }

  /** Starts the API server with these Services. */
  async serve(servers: Iterable<VirtualServer>): Promise<void> {
    const { listening } = this.#node.run(() => ({ listening: this.#api.listen() }))
    await listening
    this.#api.set(nodeObject(NODE_NAME, this.#family === 4 ? ['10.255.0.1'] : ['fd00:10:ff::1']))
    for (const server of servers) this.#api.set(serviceManifest(server), sliceManifest(server))
  }

  start(): void {
    const context = { url: this.#api.url, folder: this.#folder, family: this.#family }
    const [program, ...args] = this.#proxy.command(context)
    const child = this.#node.run(() => spawnBound(program, args, { stdio: ['ignore', 'pipe', 'pipe'] }))
    this.#child = child
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.#output = (this.#output + chunk.toString()).slice(-6000)
      })
    }
  }

  /** Another EndpointSlice of a Service that is there. */
  changeSlice(server: VirtualServer): void {
    this.#api.set(sliceManifest(server))
  }

  /** Ends the process at once, as a crash does. */
  async crash(): Promise<void> {
    if (this.#child !== undefined) await kill(this.#child)
    this.#child = undefined
  }

  async close(): Promise<void> {
    await this.crash()
    await this.#api.close()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

const podCIDRs = POD_CIDRS.join(',')

/** Sluice as users run it. */
export const SLUICE_PROCESS: LiveProxy = {
  name: 'Sluice, its process',
  version: [SLUICE, '--version'],
  command: ({ url, folder }) => {
    const place = ['--run-dir', folder, '--instance', 'bench', '--node-name', NODE_NAME, '--cluster-cidr', podCIDRs]
    // The limit is one for the whole machine, and no part of what is measured.
    const limits = ['--conntrack-max-per-core', '0']
    return [SLUICE, 'kube', '--server', url, 'to-local', 'to-nft', ...place, ...limits]
  },
}

/** Paths of binaries that are not ours, by the environment variables that name them. */
const { SLUICE_BENCH_KUBE_PROXY: KUBE_PROXY, SLUICE_BENCH_KPNG: KPNG } = process.env

/** The proxies that can be run whole on this machine. */
export function liveProxies(): LiveProxy[] {
  const proxies = [SLUICE_PROCESS]
  if (KUBE_PROXY !== undefined) {
    proxies.push(kubeProxy(KUBE_PROXY, 'iptables'), kubeProxy(KUBE_PROXY, 'nftables'))
  }
  if (KPNG !== undefined) {
    proxies.push({
      name: 'kpng to-nft, its process',
      version: [KPNG, 'version'],
      command: ({ url }) => [KPNG, 'kube', '--server', url, 'to-local', '--node-name', NODE_NAME, 'to-nft'],
    })
  }
  return proxies
}

function kubeProxy(binary: string, mode: 'iptables' | 'nftables'): LiveProxy {
  return {
    name: `kube-proxy ${mode}, its process`,
    version: [binary, '--version'],
    command: ({ url, folder, family }) => {
      const kubeconfig = path.join(folder, 'kubeconfig')
      writeFileSync(
        kubeconfig,
        JSON.stringify({
          apiVersion: 'v1',
          kind: 'Config',
          clusters: [{ name: 'bench', cluster: { server: url } }],
          contexts: [{ name: 'bench', context: { cluster: 'bench', user: '' } }],
          'current-context': 'bench',
        }),
      )
      const config = path.join(folder, 'config.yaml')
      writeFileSync(config, JSON.stringify(kubeProxyConfig(mode, kubeconfig, family)))
      return [binary, '--config', config, '--hostname-override', NODE_NAME]
    },
  }
}

/** Its defaults, but for the format of what it asks for, and the machine's limits. */
function kubeProxyConfig(mode: string, kubeconfig: string, family: Family) {
  return {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    mode,
    bindAddress: family === 4 ? '0.0.0.0' : '::',
    clusterCIDR: POD_CIDRS.find((cidr) => cidr.includes(':') === (family === 6)),
    clientConnection: { kubeconfig, contentType: 'application/json', acceptContentTypes: 'application/json' },
    conntrack: { maxPerCore: 0, min: 0 },
    detectLocalMode: 'ClusterCIDR',
    nodePortAddresses: ['primary'],
  }
}
