import type { Manifest } from '../sluice/manifests.ts'
import type { Subject } from './status.ts'

/** A resource as the API server serves it. */
export interface CollectionSpec {
  /** Plural, in lower case, as in paths and rules of RBAC. */
  readonly name: string
  /** Empty for the core group. */
  readonly group: string
  readonly version: string
  readonly kind: string
  readonly namespaced: boolean
}

const SPECS = [
  { name: 'services', group: '', version: 'v1', kind: 'Service', namespaced: true },
  { name: 'endpointslices', group: 'discovery.k8s.io', version: 'v1', kind: 'EndpointSlice', namespaced: true },
  { name: 'nodes', group: '', version: 'v1', kind: 'Node', namespaced: false },
  { name: 'servicecidrs', group: 'networking.k8s.io', version: 'v1', kind: 'ServiceCIDR', namespaced: false },
  { name: 'events', group: 'events.k8s.io', version: 'v1', kind: 'Event', namespaced: true },
] as const satisfies readonly CollectionSpec[]

/** The name of a resource that is served. */
export type Collection = (typeof SPECS)[number]['name']

export const COLLECTIONS: Readonly<Record<Collection, CollectionSpec>> = Object.fromEntries(
  SPECS.map((spec) => [spec.name, spec]),
) as unknown as Record<Collection, CollectionSpec>

/** Where a request goes. */
export interface Target {
  readonly collection: Collection
  /** Empty for all namespaces. */
  readonly namespace: string
  /** Empty for the collection itself. */
  readonly name: string
}

/** A path as the API server takes it apart, whether it serves that or not. */
export interface ResourcePath {
  /** Empty for the core group. */
  readonly group: string
  readonly version: string
  /** Empty for all namespaces, and for what has none. */
  readonly namespace: string
  readonly resource: string
  /** Empty for the collection itself. */
  readonly name: string
}

const PATH = /^\/(?:api|apis\/([^/]+))\/([^/]+)(?:\/namespaces\/([^/]+))?\/([^/]+)(?:\/([^/]+))?$/

/** @returns undefined for a path that is none of a resource. */
export function resourcePathOf(pathname: string): ResourcePath | undefined {
  const [, group = '', version, namespace = '', resource, name = ''] = PATH.exec(pathname) ?? []
  return version === undefined || resource === undefined ? undefined : { group, version, namespace, resource, name }
}

/** Whether any resource of this group and version is served. */
export function isServedGroup({ group, version }: Pick<ResourcePath, 'group' | 'version'>): boolean {
  return SPECS.some((spec) => spec.group === group && spec.version === version)
}

/** @returns undefined for a path that is not served. */
export function targetOf({ group, version, namespace, resource, name }: ResourcePath): Target | undefined {
  const spec = SPECS.find((known) => known.group === group && known.version === version && known.name === resource)
  if (spec === undefined || (namespace !== '' && !spec.namespaced)) return undefined
  return { collection: spec.name, namespace, name }
}

/** What an error about an object, or about a collection, is about. */
export function subjectOf({ collection, name }: Target): Subject {
  return { group: COLLECTIONS[collection].group, resource: collection, name }
}

export function apiVersionOf({ group, version }: CollectionSpec): string {
  return group === '' ? version : `${group}/${version}`
}

/** What the API server looks at in an object. */
export interface Meta {
  readonly name?: string
  readonly generateName?: string
  readonly namespace?: string
  readonly resourceVersion?: string
  readonly labels?: Readonly<Record<string, string>>
}

export function metaOf(object: Manifest): Meta {
  return object['metadata'] ?? {}
}

/** @throws TypeError for a kind that is not served. */
export function collectionOf(object: Manifest): Collection {
  const spec = SPECS.find(({ kind }) => kind === object['kind'])
  if (spec === undefined) throw new TypeError(`no collection has a ${String(object['kind'])}`)
  return spec.name
}
