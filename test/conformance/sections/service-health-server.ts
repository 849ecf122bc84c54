import type { LocalService } from '../../../src/model/local.ts'
import { type ServiceKey, serviceKey } from '../../../src/model/service.ts'
import { parseNodePortAddresses, selectListenAddresses } from '../../../src/node/node-port-addresses.ts'
import { HealthCheckServers } from '../../../src/sinks/healthchecks/servers.ts'
import { FakeListeners } from '../../fixtures/listeners.ts'
import { silentLog } from '../../fixtures/log.ts'
import { ip, local, localEndpoint, service } from '../../fixtures/services.ts'
import { type Comparison, type Row, type Section, stable } from './section.ts'

/** A step in the life of the health servers of Services. */
export interface ServiceHealthStep {
  /** What happens, in words. */
  readonly event: string
  readonly note: string
  /** What the server answers; null when nothing is asked. */
  readonly status: number | null
  /** Local endpoints that it tells of; null when nothing is asked. */
  readonly localEndpoints: number | null
  /** Headers of every answer. */
  readonly headers: Readonly<Record<string, string>>
}

interface Data {
  readonly headers?: Readonly<Record<string, string>>
  readonly steps?: readonly (readonly [string, string, number | null, number | null])[]
}

const WEIGHT = 'X-Load-Balancing-Endpoint-Weight'

export const serviceHealthServer: Section<ServiceHealthStep> = {
  promises: [82, 83, 84],
  rows(data) {
    const { headers = {}, steps = [] } = data as Data
    return steps.map(([event, note, status, localEndpoints], index) => ({
      id: `service-health-${index + 1}`,
      name: event,
      data: { event, note, status, localEndpoints, headers },
    }))
  },
  async adapter(rows) {
    const story = new Story()
    const comparisons: Comparison[] = []
    for (const row of rows) comparisons.push(await compare(story, row))
    await story.close()
    return comparisons
  },
}

async function compare(story: Story, { data }: Row<ServiceHealthStep>): Promise<Comparison> {
  const { event, note, status, localEndpoints, headers } = data
  await story.perform(event)
  const listening = /^(?:listens on )?([\d.]+:\d+)(?: listening| only)$/.exec(note)?.[1]
  const isClosed = note === 'port closed'
  const isAsked = status !== null
  const expected = {
    ...(isAsked && { status, headers: { ...headers, [WEIGHT]: String(localEndpoints) } }),
    ...(note.startsWith('serviceProxyHealthy false') && { serviceProxyHealthy: false }),
    ...(listening && { listening: [listening] }),
    ...(isClosed && { listening: [] }),
  }
  const answer = isAsked ? story.ask() : undefined
  const seen = {
    ...(answer && { status: answer.status, headers: answer.headers }),
    ...('serviceProxyHealthy' in expected && { serviceProxyHealthy: story.saysProxyHealthy() }),
    ...('listening' in expected && { listening: story.listening }),
  }
  return { expected: stable(expected), seen: stable(seen) }
}

interface Balancer {
  port: number
  pods: number
}

/** The health servers of one node, to which things happen as the steps' words say. */
class Story {
  readonly #listeners = new FakeListeners()
  readonly #balancers = new Map<ServiceKey, Balancer>()
  #isHealthy = true
  #subject: ServiceKey = serviceKey('a', 'b')
  readonly #servers = new HealthCheckServers({
    isHealthy: () => this.#isHealthy,
    log: silentLog,
    listen: this.#listeners.listen,
  })

  get listening(): string[] {
    return this.#listeners.addresses
  }

  ask(): ReturnType<FakeListeners['ask']> {
    const port = this.#balancers.get(this.#subject)?.port ?? 0
    const address = this.listening.find((text) => text.endsWith(`:${port}`))
    return this.#listeners.ask(address ?? `port ${port}`)
  }

  saysProxyHealthy(): unknown {
    return (JSON.parse(this.ask().body) as { serviceProxyHealthy: unknown }).serviceProxyHealthy
  }

  async perform(event: string): Promise<void> {
    const number = (pattern: RegExp) => Number(pattern.exec(event)?.[1])
    if (this.#balancers.size === 0 && this.listening.length === 0) await this.#servers.setAddresses([ip('0.0.0.0')])
    if (event.startsWith('syncEndpoints for unknown service'))
      await this.#put(serviceKey('no', 'body'), { port: 0, pods: 3 })
    else if (event.startsWith('sync')) for (const call of event.split(/;| then /)) await this.#sync(call.trim())
    else if (event.startsWith('service port changed')) await this.#changePort(number(/(\d+) to/), number(/to (\d+)/))
    else if (event.startsWith('endpoint map omits')) for (const pods of [3, 0]) await this.#setPods(pods)
    else if (event.startsWith('proxier')) {
      this.#isHealthy = event.startsWith('proxier healthy')
      await this.#setPods(number(/(\d+) local endpoints/))
    } else if (event.startsWith('nodePortAddresses')) await this.#setAddresses(event.split(' ').slice(1))
    else throw new Error(`"${event}" is not understood`)
  }

  async close(): Promise<void> {
    await this.#servers.close()
  }

  /** `syncServices {NAMESPACE/NAME:PORT}` or `syncEndpoints {NAMESPACE/NAME:COUNT}`; what is not named is gone, or has none. */
  async #sync(call: string): Promise<void> {
    const [, what, list = ''] = /^sync(Services|Endpoints) \{(.*)\}$/.exec(call) ?? []
    const named = new Map(
      [...list.matchAll(/([^/,\s]+)\/([^:]+):(\d+)/g)].map((m) => [serviceKey(m[1] ?? '', m[2] ?? ''), Number(m[3])]),
    )
    if (what === 'Services') {
      for (const key of this.#balancers.keys()) if (!named.has(key)) await this.#put(key, undefined)
      for (const [key, port] of named) await this.#put(key, { port, pods: this.#balancers.get(key)?.pods ?? 0 })
      const [first] = named.keys()
      if (first !== undefined) this.#subject = first
    } else if (what === 'Endpoints') {
      for (const [key, { port }] of this.#balancers) await this.#put(key, { port, pods: named.get(key) ?? 0 })
    }
  }

  /** The Service keeps its endpoints until the next ones are told, which come with its new port. */
  async #changePort(before: number, after: number): Promise<void> {
    this.#subject = serviceKey('port', 'changes')
    await this.#put(this.#subject, { port: before, pods: 7 })
    await this.#put(this.#subject, { port: after, pods: 0 })
  }

  async #setPods(pods: number): Promise<void> {
    const { port } = this.#balancers.get(this.#subject) ?? { port: 0 }
    await this.#put(this.#subject, { port, pods })
  }

  /** A node with nothing but IPv4, as in the facts; there is one Service, on the port that they begin with. */
  async #setAddresses(values: readonly string[]): Promise<void> {
    const spec = parseNodePortAddresses(values)
    if (spec === undefined) throw new Error(`"${values.join(' ')}" is no list of addresses`)
    const local = ['127.0.0.1', '192.0.2.1'].map((address) => {
      return { address: ip(address), isGlobal: address !== '127.0.0.1', onDefaultRoute: false }
    })
    for (const key of this.#balancers.keys()) await this.#put(key, undefined)
    this.#subject = serviceKey('a', 'b')
    await this.#put(this.#subject, { port: FIRST_PORT, pods: 0 })
    await this.#servers.setAddresses(
      selectListenAddresses(spec, undefined, local).filter((address) => address.includes('.')),
    )
  }

  async #put(key: ServiceKey, balancer: Balancer | undefined): Promise<void> {
    if (balancer === undefined) this.#balancers.delete(key)
    else this.#balancers.set(key, balancer)
    this.#servers.stage(key, balancer && localBalancer(key, balancer))
    await this.#servers.publish()
  }
}

/** kube-proxy's tests listen there. */
const FIRST_PORT = 9376

function localBalancer(key: ServiceKey, { port, pods }: Balancer): LocalService {
  const [namespace = '', name = ''] = key.split('/')
  const endpoints = Array.from({ length: pods }, (_, i) => localEndpoint(`10.1.0.${i + 1}`, { local: true }))
  const clusterIPs = [ip('10.96.0.1')]
  return local(
    service(name, {
      namespace,
      type: 'LoadBalancer',
      externalTrafficPolicy: 'Local',
      healthCheckNodePort: port,
      clusterIPs,
    }),
    endpoints,
  )
}
