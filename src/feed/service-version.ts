import type { EndpointPort, EndpointSlice } from '../model/endpoint-slice.ts'
import type { LocalEndpoint } from '../model/local.ts'
import type { Service, ServiceKey } from '../model/service.ts'
import { encode } from '../model/wire/encode.ts'
import { endpointKeys } from '../model/wire/endpoint-keys.ts'
import type { Dialect } from '../model/wire/feed.ts'
import { type Hash, hashText } from '../model/wire/hash.ts'
import type { Contents } from '../model/wire/message.ts'
import { ENDPOINT, ENDPOINT_INFO, SERVICE, SERVICE_INFO } from '../model/wire/messages.ts'
import { SET } from '../model/wire/sets.ts'
import { endpointInfoMessage, localEndpointMessage, mergePorts } from '../model/wire/write-endpoint.ts'
import { serviceMessage } from '../model/wire/write-service.ts'
import type { NodePlace } from '../node/categorize.ts'
import { selectEndpoints } from '../node/select.ts'
import { isProxied } from '../node/view.ts'
import { byPath, type RenderedValue, type Rendering, renderValue } from './rendering.ts'

/** What all renderings have in common. */
export interface RenderingContext {
  readonly hash: Hash
  /** Whose Services nodes are to serve; empty for those that name no proxy. */
  readonly proxyName: string
  /** Something is told to nobody, since it is larger than gRPC programs take. */
  readonly onTooLarge: (what: string) => void
}

/**
 * A Service with its EndpointSlices as they were at one time, and as streams are told of them. Most nodes are told the same:
 * what is told differs only between zones that are hinted for, and for nodes that have an endpoint or are hinted for by name. What
 * many nodes share is rendered once; what one node alone is told is not kept.
 */
export class ServiceVersion {
  readonly kind = 'service'
  readonly key: ServiceKey
  readonly service: Service
  readonly #slices: readonly EndpointSlice[]
  readonly #context: RenderingContext
  readonly #shared = new Map<string, Rendering | undefined>()
  readonly #endpoints = new Map<readonly EndpointPort[], Map<string, RenderedValue | undefined>>()
  #serviceValue: RenderedValue | undefined
  #names: ReadonlySet<string> | undefined
  #zones: ReadonlySet<string> | undefined

  constructor(key: ServiceKey, service: Service, slices: Iterable<EndpointSlice>, context: RenderingContext) {
    this.key = key
    this.service = service
    this.#slices = [...slices]
    this.#context = context
  }

  /** What a node is told; undefined when it has nothing to do. The same object as long as nothing about it changed. */
  local(place: NodePlace, dialect: Dialect): Rendering | undefined {
    if (!isProxied(this.service, this.#context.proxyName)) return undefined
    if (this.nodeNames.has(place.name)) return this.#renderLocal(place, dialect)
    const zone = this.#hintedZones().has(place.zone) ? place.zone : ''
    return this.#share(`local ${dialect} ${zone}`, () => this.#renderLocal({ name: '', zone }, dialect))
  }

  /** What a client of the global API is told. */
  global(dialect: Dialect): Rendering | undefined {
    return this.#share(`global ${dialect}`, () => this.#renderGlobal(dialect))
  }

  #share(key: string, render: () => Rendering | undefined): Rendering | undefined {
    if (!this.#shared.has(key)) this.#shared.set(key, render())
    return this.#shared.get(key)
  }

  #renderLocal(place: NodePlace, dialect: Dialect): Rendering | undefined {
    this.#serviceValue ??= this.#value(SET.services, this.key, encode(SERVICE, serviceMessage(this.service)))
    if (this.#serviceValue === undefined) return undefined
    const selected = selectEndpoints(this.service, this.#slices, place)
    // KPNG's clients give new connections to whatever they are told of.
    const told =
      dialect === 'additions' ? selected : selected.filter(({ scopes }) => scopes.internal || scopes.external)
    const endpoints = mergePorts(told)
    const keys = endpointKeys(endpoints)
    const named: RenderedValue[] = []
    const anonymous: RenderedValue[] = []
    endpoints.forEach((endpoint, i) => {
      const value = this.#localEndpoint(`${this.key}/${keys[i] ?? ''}`, endpoint)
      if (value !== undefined) (endpoint.podName === '' ? anonymous : named).push(value)
    })
    return { service: this.#serviceValue, named: named.sort(byPath), anonymous: anonymous.sort(byPath) }
  }

  /** Encoded once for all nodes that are told the same of it; that it is local, mostly one node alone is told. */
  #localEndpoint(path: string, endpoint: LocalEndpoint): RenderedValue | undefined {
    const encoded = () => encode(ENDPOINT, localEndpointMessage(endpoint, this.service))
    if (endpoint.local) return this.#value(SET.endpoints, path, encoded())
    const { ports, unplaced, ready, inCluster, scopes, hostname, address } = endpoint
    const bits = [unplaced, ready, inCluster, scopes.internal, scopes.external].map(Number).join('')
    const key = `${bits} ${address} ${hostname} ${path}`
    let known = this.#endpoints.get(ports)
    if (known === undefined) {
      known = new Map()
      // Lists of ports that were made for one selection come never again.
      if (this.#slices.some((slice) => slice.ports === ports)) this.#endpoints.set(ports, known)
    }
    if (!known.has(key)) {
      known.set(key, this.#value(SET.endpoints, path, encoded()))
    }
    return known.get(key)
  }

  #renderGlobal(dialect: Dialect): Rendering | undefined {
    const { namespace, name } = this.service
    const message = serviceMessage(this.service)
    const info = { hash: this.#context.hash(encode(SERVICE_INFO, { service: message })), service: message }
    const service = this.#value(SET.globalServices, `${namespace}|${name}||`, encode(SERVICE_INFO, info))
    if (service === undefined) return undefined
    const values = new Map<string, RenderedValue>()
    for (const slice of this.#slices) {
      // Without a port an endpoint serves nothing; KPNG would take it for one with the Service's own ports.
      if (slice.ports.length === 0) continue
      for (const endpoint of slice.endpoints) {
        const contents = endpointInfoMessage(slice, endpoint, this.service)
        for (const value of this.#globalEndpoint(contents, dialect)) values.set(value.path, value)
      }
    }
    return { service, named: [...values.values()].sort(byPath), anonymous: [] }
  }

  /** KPNG's hash leaves out the hints, so that a change of nothing else is never told; this one has them. */
  *#globalEndpoint(contents: Contents, dialect: Dialect): Generator<RenderedValue> {
    const { endpoint, conditions, topology, hints } = contents
    const hash = this.#context.hash(encode(ENDPOINT_INFO, { endpoint, conditions, topology, hints }))
    const bytes = encode(ENDPOINT_INFO, { ...contents, hash })
    const { namespace, name } = this.service
    const source = contents['sourcename'] as string
    const services = dialect === 'kpng' ? [name, ''] : [name]
    for (const service of services) {
      const path = `${namespace}|${service}|${source}|${hashText(hash)}`
      const value = this.#value(SET.globalEndpoints, path, bytes)
      if (value !== undefined) yield value
    }
  }

  #value(set: RenderedValue['set'], path: string, bytes: Uint8Array): RenderedValue | undefined {
    const value = renderValue(set, path, bytes)
    if (value === undefined) this.#context.onTooLarge(`${path} has ${bytes.length} bytes`)
    return value
  }

  /** Nodes that have endpoints of the Service, or are hinted for by name. */
  get nodeNames(): ReadonlySet<string> {
    if (this.#names !== undefined) return this.#names
    const names = new Set<string>()
    for (const { endpoints } of this.#slices) {
      for (const { nodeName, hintNodes } of endpoints) {
        if (nodeName !== '') names.add(nodeName)
        for (const name of hintNodes) names.add(name)
      }
    }
    this.#names = names
    return names
  }

  #hintedZones(): ReadonlySet<string> {
    if (this.#zones !== undefined) return this.#zones
    const zones = new Set<string>()
    for (const { endpoints } of this.#slices) {
      for (const { hintZones } of endpoints) for (const zone of hintZones) zones.add(zone)
    }
    this.#zones = zones
    return zones
  }
}
