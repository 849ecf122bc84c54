import type { ClusterObject } from '../../model/object.ts'
import { HEADLESS_LABEL, PROXY_NAME_LABEL } from '../../model/service.ts'

/** A kind of object that is listed and watched. */
export interface Resource {
  readonly apiVersion: string
  readonly kind: ClusterObject['kind']
  /** Path of the collection, over all namespaces. */
  readonly path: string
  /** The objects that are wanted: `fieldSelector` and `labelSelector` of a request, where there are any. */
  readonly selectors: Readonly<Record<string, string>>
  /** Where the API server does not serve it, there is none of it. */
  readonly isOptional: boolean
}

/** Whose Services are wanted, and on which node. */
export interface Selection {
  /** undefined for every node. */
  readonly nodeName: string | undefined
  /** Only Services that name this proxy are wanted; those that name none when it is empty. */
  readonly proxyName: string
}

/**
 * Everything that Sluice reads of a cluster. Who serves one node reads only that Node: zones of others are in the EndpointSlices.
 * What does not concern it is sifted out by the API server.
 *
 * EndpointSlices are not selected by the proxy's name, though the controller copies a Service's labels to them: it does so
 * later, so that a Service would be without endpoints for a moment; and slices that somebody made by hand or
 * that are mirrored from Endpoints may never have them.
 */
export function resources({ nodeName, proxyName }: Selection): readonly Resource[] {
  const isOurs = proxyName === '' ? `!${PROXY_NAME_LABEL}` : `${PROXY_NAME_LABEL}=${proxyName}`
  const services: Resource = {
    apiVersion: 'v1',
    kind: 'Service',
    path: '/api/v1/services',
    selectors: { labelSelector: `!${HEADLESS_LABEL},${isOurs}` },
    isOptional: false,
  }
  const endpointSlices: Resource = {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    path: '/apis/discovery.k8s.io/v1/endpointslices',
    selectors: { labelSelector: `!${HEADLESS_LABEL}` },
    isOptional: false,
  }
  const node: Resource = {
    apiVersion: 'v1',
    kind: 'Node',
    path: '/api/v1/nodes',
    selectors: nodeName === undefined ? {} : { fieldSelector: `metadata.name=${nodeName}` },
    isOptional: false,
  }
  // Generally available since Kubernetes 1.33 (KEP-1880).
  const serviceCIDRs: Resource = {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'ServiceCIDR',
    path: '/apis/networking.k8s.io/v1/servicecidrs',
    selectors: {},
    isOptional: true,
  }
  // A proxy with a name drops nothing of addresses that no Service has: the other proxy knows of Services that it does not.
  return proxyName === '' ? [services, endpointSlices, node, serviceCIDRs] : [services, endpointSlices, node]
}
