import type { Manifest } from '../../sluice/manifests.ts'
import type { Value } from './value.ts'

/** Lists of objects that a case may give without saying their kind, and the kind. */
export const OBJECT_LISTS = {
  services: { apiVersion: 'v1', kind: 'Service' },
  endpointSlices: { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice' },
  serviceCIDRs: { apiVersion: 'networking.k8s.io/v1', kind: 'ServiceCIDR' },
  objects: {},
} as const

export type ObjectList = keyof typeof OBJECT_LISTS

/** The objects of all lists, each with its kind; `objects` say theirs themselves. */
export function readObjects(lists: Readonly<Partial<Record<ObjectList, Value>>>): Manifest[] {
  return Object.entries(OBJECT_LISTS).flatMap(([name, type]) =>
    (lists[name as ObjectList]?.list() ?? []).map((item): Manifest => ({ ...type, ...item.object() })),
  )
}

/** `Kind namespace/name`; objects without a namespace are in none. */
export function objectName(object: Manifest): string {
  const { namespace, name } = (object['metadata'] ?? {}) as { namespace?: string; name?: string }
  const path = namespace === undefined ? name : `${namespace}/${name ?? ''}`
  return `${String(object['kind'])} ${path ?? ''}`
}
