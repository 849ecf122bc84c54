import type { ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import type { PoolEndpoint, VirtualServer } from '../../src/virtual-server/virtual-server.ts'
import { until } from '../../test/lab/index.ts'
import { kill, spawnBound } from '../../test/lab/processes.ts'
import { processCpu } from '../support/cpu.ts'
import type { BenchNetns } from '../support/netns.ts'
import { ask } from '../support/sockets.ts'
import { clusterIP, endpointChanges, type ServiceChange } from './layouts/layout.ts'
import { OverTime, type Peer, ServerList } from './peer.ts'
import { peakMemory } from './program.ts'

const API = { address: '127.0.0.1', port: 5555 }

/**
 * The nftlb daemon of Debian, asked over HTTP as kube-nftlb asks it: one request for a Service, then one with its endpoints,
 * each over a connection of its own.
 */
export class NftlbPeer implements Peer {
  readonly name: string
  readonly #node: BenchNetns
  readonly #servers = new ServerList()
  readonly #key = randomUUID()
  #daemon: ChildProcess | undefined
  #programBytes = 0
  #loadCpu = 0

  constructor(name: string, node: BenchNetns) {
    this.name = name
    this.#node = node
  }

  get servers(): readonly VirtualServer[] {
    return this.#servers.all
  }

  get programBytes(): number {
    return Math.max(this.#programBytes, peakMemory(this.#daemon?.pid ?? 0))
  }

  get loadCpu(): number {
    return this.#loadCpu
  }

  async load(servers: readonly VirtualServer[], boundMs: number): Promise<number> {
    await this.close()
    this.#programBytes = 0
    await this.#start()
    const time = this.#timed('nftlb', boundMs, (checkTime) => {
      for (const server of servers) {
        this.#add(server)
        checkTime()
      }
    })
    this.#loadCpu = processCpu(this.#daemon?.pid ?? 0)
    this.#servers.replace(servers)
    return time
  }

  prepare(changes: readonly ServiceChange[], boundMs: number): () => Promise<number> {
    this.#servers.take(changes)
    return async () => {
      return this.#timed('nftlb', boundMs, (checkTime) => {
        for (const change of changes) {
          this.#change(change)
          checkTime()
        }
      })
    }
  }

  async close(): Promise<void> {
    const daemon = this.#daemon
    if (daemon === undefined) return
    this.#programBytes = this.programBytes
    this.#daemon = undefined
    await kill(daemon)
  }

  async #start(): Promise<void> {
    const args = ['--key', this.#key, '--host', API.address, '--port', String(API.port), '--log', '3']
    this.#daemon = this.#node.run(() => spawnBound('nftlb', args, { stdio: 'ignore' }))
    const answers = () => {
      try {
        return this.#request('GET', '/farms').startsWith('HTTP/1.1 200')
      } catch {
        return false
      }
    }
    await until(answers, { timeoutMs: 10_000, everyMs: 5, what: 'an answer of nftlb' })
  }

  #timed(what: string, boundMs: number, work: (checkTime: () => void) => void): number {
    const start = performance.now()
    work(() => {
      if (performance.now() - start > boundMs) throw new OverTime(what, boundMs)
    })
    return performance.now() - start
  }

  #change(change: ServiceChange): void {
    const { before, after } = change
    if (before === undefined && after !== undefined) this.#add(after)
    if (before === undefined) return
    const farm = farmName(before)
    if (after === undefined) {
      this.#must('DELETE', `/farms/${farm}`)
      return
    }
    const { added, removed } = endpointChanges(change)
    if (added.length > 0) this.#addBackends(farm, added)
    for (const endpoint of removed) this.#must('DELETE', `/farms/${farm}/backends/${backendName(endpoint)}`)
  }

  #add(server: VirtualServer): void {
    const farm = {
      name: farmName(server),
      family: `ipv${server.family}`,
      'virtual-addr': clusterIP(server),
      'virtual-ports': String(server.port),
      mode: 'snat',
      protocol: server.protocol.toLowerCase(),
      scheduler: 'rr',
      helper: 'none',
      log: 'none',
      persistence: 'none',
      'intra-connect': 'on',
      state: 'up',
    }
    this.#must('POST', '/farms', { farms: [farm] })
    this.#addBackends(farm.name, server.pool.endpoints)
  }

  #addBackends(farm: string, endpoints: readonly PoolEndpoint[]): void {
    const backends = endpoints.map((endpoint) => ({
      name: backendName(endpoint),
      'ip-addr': endpoint.address,
      port: String(endpoint.port),
      state: 'up',
    }))
    this.#must('POST', '/farms', { farms: [{ name: farm, backends }] })
  }

  /** kube-nftlb does not look at the answer; a benchmark has to. */
  #must(method: string, path: string, body?: unknown): void {
    const answer = this.#request(method, path, body)
    if (!/^HTTP\/1\.\d 200/.test(answer)) throw new Error(`nftlb: ${method} ${path}: ${answer.slice(0, 200)}`)
  }

  #request(method: string, path: string, body?: unknown): string {
    const text = body === undefined ? '' : JSON.stringify(body)
    const head = [`${method} ${path} HTTP/1.1`, `Key: ${this.#key}`, `Content-Length: ${Buffer.byteLength(text)}`]
    return ask(this.#node, API, `${head.join('\r\n')}\r\n\r\n${text}`)
  }
}

function farmName({ service, portName }: VirtualServer): string {
  const [, name = service] = service.split('/')
  return `${name}--${portName === '' ? 'default' : portName}`
}

function backendName({ address }: PoolEndpoint): string {
  return `pod-${address.replaceAll(/[.:]/g, '-')}`
}
