import type { ClusterObject } from '../../model/object.ts'

/** A kind of object that is listed and watched. */
export interface Resource {
  readonly apiVersion: string
  readonly kind: ClusterObject['kind']
  /** Path of the collection, over all namespaces. */
  readonly path: string
  /** The objects that are wanted; empty for all. */
  readonly fieldSelector: string
  /** Where the API server does not serve it, there is none of it. */
  readonly isOptional: boolean
}

/**
 * Everything that Sluice reads of a cluster. Who serves one node needs only that Node: zones of others are in the EndpointSlices.
 *
 * @param nodeName undefined for all Nodes
 */
export function resources(nodeName: string | undefined): readonly Resource[] {
  const all = { fieldSelector: '', isOptional: false }
  return [
    { ...all, apiVersion: 'v1', kind: 'Service', path: '/api/v1/services' },
    {
      ...all,
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      path: '/apis/discovery.k8s.io/v1/endpointslices',
    },
    {
      ...all,
      apiVersion: 'v1',
      kind: 'Node',
      path: '/api/v1/nodes',
      ...(nodeName !== undefined && onlyNode(nodeName)),
    },
    // Generally available since Kubernetes 1.33 (KEP-1880).
    {
      ...all,
      apiVersion: 'networking.k8s.io/v1',
      kind: 'ServiceCIDR',
      path: '/apis/networking.k8s.io/v1/servicecidrs',
      isOptional: true,
    },
  ]
}

function onlyNode(name: string): Pick<Resource, 'fieldSelector'> {
  return { fieldSelector: `metadata.name=${name}` }
}
