import { endpointSlice, type Manifest, nodeObject, service } from '../sluice/manifests.ts'

/** How large a cluster is. */
export interface ClusterSize {
  /** 65,536 at most. */
  readonly services: number
  /** Of each Service; 256 at most. */
  readonly endpoints: number
}

/** The EndpointSlice controller's default, `--max-endpoints-per-slice`. */
const ENDPOINTS_A_SLICE = 100
const NODES = 100
const ZONES = ['zone-a', 'zone-b', 'zone-c']
const NAMESPACE = 'load'
const MARKER = 'marker'

/** The node whose proxy is fed. */
export const LOAD_NODE = 'node-1'

/** A cluster of Services with one port each, as a large one has them. */
export class LoadCluster {
  readonly size: ClusterSize
  /** The endpoints of each Service, as numbers that count up with each change. */
  readonly #endpoints: number[][]
  #last: number
  #marks = 0

  constructor(size: ClusterSize) {
    this.size = size
    const { services, endpoints } = size
    this.#endpoints = Array.from({ length: services }, (_, i) =>
      Array.from({ length: endpoints }, (_, j) => i * endpoints + j),
    )
    this.#last = services * endpoints
  }

  *objects(): Generator<Manifest> {
    yield nodeObject(LOAD_NODE, ['192.168.50.11', 'fd00:192:168:50::11'])
    for (let i = 0; i < this.size.services; i++) {
      const clusterIPs = [`10.96.${i >> 8}.${i & 255}`]
      yield service(nameOf(i), { namespace: NAMESPACE, clusterIPs, ports: [{ name: 'http', port: 80 }] })
      yield* this.#slicesOf(i)
    }
    yield service(MARKER, {
      namespace: NAMESPACE,
      clusterIPs: ['fd00:96::1'],
      ports: [{ name: 'http', port: 80 }],
      spec: { ipFamilies: ['IPv6'] },
    })
    yield this.mark().slice
  }

  /** One endpoint of a Service gives way to a new one, as in a rollout. @returns the EndpointSlice. */
  change(random: number): Manifest {
    const which = Math.floor(random * this.size.services)
    const endpoints = this.#endpoints[which] ?? []
    const at = this.#last % endpoints.length
    endpoints[at] = this.#last++
    const slices = [...this.#slicesOf(which)]
    const changed = slices[Math.floor(at / ENDPOINTS_A_SLICE)]
    if (changed === undefined) throw new RangeError('a cluster without endpoints does not change')
    return changed
  }

  /** The only IPv6 endpoint in the cluster gets a new address, which is easily seen in the kernel. */
  mark(): { readonly address: string; readonly slice: Manifest } {
    const address = `fd00:244::${(++this.#marks & 0xffff).toString(16)}:1`
    const endpoints = [endpointOf(address, this.#marks)]
    return { address, slice: sliceOf(MARKER, `${MARKER}-1`, endpoints) }
  }

  *#slicesOf(which: number): Generator<Manifest> {
    const all = this.#endpoints[which] ?? []
    for (let from = 0; from < all.length; from += ENDPOINTS_A_SLICE) {
      const part = all.slice(from, from + ENDPOINTS_A_SLICE)
      const endpoints = part.map((number) => endpointOf(addressOf(number), number))
      yield sliceOf(nameOf(which), `${nameOf(which)}-${1 + from / ENDPOINTS_A_SLICE}`, endpoints)
    }
  }
}

function nameOf(which: number): string {
  return `service-${which}`
}

/** All of 11.0.0.0/8 and on, one after the other. */
function addressOf(number: number): string {
  return `${11 + (number >>> 24)}.${(number >>> 16) & 255}.${(number >>> 8) & 255}.${number & 255}`
}

function sliceOf(serviceName: string, name: string, endpoints: readonly ReturnType<typeof endpointOf>[]): Manifest {
  return endpointSlice(serviceName, {
    namespace: NAMESPACE,
    name,
    ports: [{ name: 'http', port: 8080 }],
    endpoints,
  })
}

/** As the EndpointSlice controller makes it. */
function endpointOf(address: string, number: number) {
  const hex = number.toString(16).padStart(8, '0')
  return {
    addresses: [address],
    conditions: { ready: true, serving: true, terminating: false },
    nodeName: `node-${2 + (number % NODES)}`,
    targetRef: {
      kind: 'Pod',
      namespace: NAMESPACE,
      name: `service-${hex.slice(0, 5)}-7d4b9c6f5d-${hex.slice(3)}`,
      uid: `${hex}-8f1e-4f9c-9d59-0f6f0f0c2a11`,
    },
    zone: ZONES[number % ZONES.length],
  }
}
