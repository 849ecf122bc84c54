import type { EndpointSlice } from './endpoint-slice.ts'
import type { Node } from './node.ts'
import type { Service } from './service.ts'
import type { ServiceCIDR } from './service-cidr.ts'

/** What a source puts into the store. */
export type ClusterObject =
  | { readonly kind: 'Service'; readonly value: Service }
  | { readonly kind: 'EndpointSlice'; readonly value: EndpointSlice }
  | { readonly kind: 'Node'; readonly value: Node }
  | { readonly kind: 'ServiceCIDR'; readonly value: ServiceCIDR }

/** Identifies an object in the store: `Service ns/name`, `EndpointSlice ns/name`, `Node name`, `ServiceCIDR name`. */
export type ObjectId = string & { readonly __brand: 'ObjectId' }

export function objectId(object: ClusterObject): ObjectId {
  if (object.kind === 'Node' || object.kind === 'ServiceCIDR') {
    return `${object.kind} ${object.value.name}` as ObjectId
  }
  return `${object.kind} ${object.value.namespace}/${object.value.name}` as ObjectId
}

/**
 * Something wrong with an object that Sluice was given.
 * `error`: the object is not used at all. `warning`: the field is ignored and the rest of the object is used.
 */
export interface Problem {
  readonly severity: 'error' | 'warning'
  /** `Service ns/name`, or as much of it as could be read. */
  readonly object: string
  /** Path of the field, for example `spec.ports[0].port`; empty when the whole object is meant. */
  readonly field: string
  /** What was wrong and what is accepted. */
  readonly message: string
  /** What only some problems are told by; absent for all others. `wrong-family`: an address or range of the other IP family. */
  readonly kind?: 'wrong-family'
  /** Where the object was read: `FILE:LINE`; empty when the source has no files. */
  readonly origin: string
}
