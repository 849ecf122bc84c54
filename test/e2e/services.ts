import {
  type EndpointManifest,
  endpointSlice,
  type Manifest,
  type ServiceOptions,
  type SliceOptions,
  service,
} from '../sluice/manifests.ts'
import { NODE_NAMES, type NodeName, nodeOf, type PodName, SERVED, type ThreeNodeCluster } from './cluster.ts'

/** Addresses and node ports that tests give to Services; a test has a cluster of its own, or replaces what was there. */
export const CLUSTER_IP = { 4: '10.96.0.60', 6: 'fd00:10:96::60' } as const
export const OTHER_CLUSTER_IP = { 4: '10.96.0.61', 6: 'fd00:10:96::61' } as const
export const NODE_PORT = 30160
export const OTHER_NODE_PORT = 30161
export const BALANCER_IP = '198.51.100.60'

/** Service ports; their names say which server of a pod they go to. */
export const HTTP = { name: 'http', port: 80 } as const
export const UDP = { name: 'udp', port: 80, protocol: 'UDP' } as const
export const SCTP = { name: 'sctp', port: 80, protocol: 'SCTP' } as const

/** Conditions of an endpoint, as the EndpointSlice controller writes them. */
export const TERMINATING = { conditions: { ready: false, serving: true, terminating: true } } as const
export const UNREADY = { conditions: { ready: false, serving: false, terminating: false } } as const
/** Terminating and failing its readiness probe. */
export const UNREADY_TERMINATING = { conditions: { ready: false, serving: false, terminating: true } } as const

/** A pod behind a Service; a node stands for a pod in its host network. */
export type Backend = PodName | NodeName | (Partial<EndpointManifest> & { readonly pod: PodName | NodeName })

/** `default/web` on {@link CLUSTER_IP} and HTTP port 80, unless the options say otherwise. */
export function web(options: Partial<ServiceOptions> = {}): Manifest {
  return service('web', { clusterIPs: [CLUSTER_IP[4]], ports: [HTTP], ...options })
}

const PORTS = [
  ...SERVED.map(({ name, port }) => ({ name, port, protocol: name.startsWith('udp') ? 'UDP' : 'TCP' })),
  { name: 'sctp', port: 8080, protocol: 'SCTP' },
]

/** The EndpointSlices of a Service whose pods are these, one a family. Their ports are what all pods serve, unless told. */
export function slicesOf(
  cluster: ThreeNodeCluster,
  serviceName: string,
  backends: readonly Backend[],
  ports: SliceOptions['ports'] = PORTS,
): Manifest[] {
  return ([4, 6] as const).map((family) =>
    endpointSlice(serviceName, {
      name: `${serviceName}-${family}`,
      ports,
      endpoints: backends.map((backend) => endpointOf(cluster, backend, family)),
    }),
  )
}

/** `web` with its EndpointSlices. */
export function webWith(
  cluster: ThreeNodeCluster,
  backends: readonly Backend[],
  options: Partial<ServiceOptions> = {},
): Manifest[] {
  return [web(options), ...slicesOf(cluster, 'web', backends)]
}

/** Clients on all nodes: a pod of each, and the nodes themselves. */
export const CLIENTS = ['a2', 'b2', 'c2', ...NODE_NAMES] as const

function endpointOf(cluster: ThreeNodeCluster, backend: Backend, family: 4 | 6): EndpointManifest {
  const { pod, ...special } = typeof backend === 'string' ? { pod: backend } : backend
  return {
    addresses: [cluster.addressOf(pod, family)],
    nodeName: nodeOf(pod),
    conditions: { ready: true, serving: true, terminating: false },
    ...special,
  }
}
