import type { VirtualServer } from '../../src/virtual-server/virtual-server.ts'
import { endpointSlice, type Manifest, service } from '../../test/sluice/manifests.ts'

/** The Service of a virtual server as the API server gives it. */
export function serviceManifest({ service: key, address, port, protocol, portName }: VirtualServer): Manifest {
  const [namespace = '', name = ''] = key.split('/')
  return service(name, { namespace, clusterIPs: [address ?? 'None'], ports: [{ name: portName, port, protocol }] })
}

/** The EndpointSlice of a virtual server. */
export function sliceManifest({ service: key, pool, portName, family }: VirtualServer): Manifest {
  const [namespace = '', name = ''] = key.split('/')
  return endpointSlice(name, {
    namespace,
    name: `${name}-ipv${family}`,
    ports: [{ name: portName, port: pool.endpoints[0]?.port ?? 8080 }],
    endpoints: pool.endpoints.map(({ address }) => address),
    nodeName: 'node-2',
  })
}
