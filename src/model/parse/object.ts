import type { EndpointSlice } from '../endpoint-slice.ts'
import type { ClusterObject, ObjectId, Problem } from '../object.ts'
import { parseEndpointSlice } from './endpoint-slice.ts'
import { parseEndpoints } from './endpoints.ts'
import { Fields } from './fields.ts'
import { DEFAULT_KEPT, type KeptKeys } from './kept-keys.ts'
import { parseNode } from './node.ts'
import { foundInstead, Report } from './report.ts'
import { parseService } from './service.ts'
import { parseServiceCIDR } from './service-cidr.ts'

/** What was made of one or more untrusted values. */
export interface ParseResult {
  readonly objects: ClusterObject[]
  readonly problems: Problem[]
  /** Objects that could not be used, one for each `error`; '' when it is not known which objects it would have been. */
  readonly failed: (ObjectId | '')[]
  /** Kinds that Sluice has no use for, such as `apps/v1 Deployment`, and how many objects of each there were. */
  readonly skippedKinds: Map<string, number>
}

/** Where the results go, and what is kept of each. */
interface Parsing {
  readonly into: ParseResult
  readonly kept: KeptKeys
}

type Outcome = readonly ClusterObject[] | undefined
type Reader = (object: Fields, report: Report, kept: KeptKeys) => Outcome

/** Every kind that Sluice knows, by apiVersion and kind. */
const READERS: Readonly<Record<string, Reader>> = {
  'v1 Service': (object, report, kept) => one('Service', parseService(object, report, kept)),
  'v1 Node': (object, report, kept) => one('Node', parseNode(object, report, kept)),
  'v1 Endpoints': (object, report) =>
    parseEndpoints(object, report)?.map((value) => ({ kind: 'EndpointSlice', value }) as const),
  'discovery.k8s.io/v1 EndpointSlice': (object, report) => slice(parseEndpointSlice(object, 'v1', report)),
  'discovery.k8s.io/v1beta1 EndpointSlice': (object, report) => slice(parseEndpointSlice(object, 'v1beta1', report)),
  'networking.k8s.io/v1 ServiceCIDR': (object, report) => one('ServiceCIDR', parseServiceCIDR(object, report)),
  'networking.k8s.io/v1beta1 ServiceCIDR': (object, report) => one('ServiceCIDR', parseServiceCIDR(object, report)),
}

/** Lists in lists: more is no cluster dump but an attack on the stack. */
const MAX_DEPTH = 4
/** Different unknown kinds that are told apart; the rest is counted as `other kinds`. */
const MAX_SKIPPED_KINDS = 50
const PRINTABLE = /^[\x20-\x7e]{1,120}$/

export function emptyResult(): ParseResult {
  return { objects: [], problems: [], failed: [], skippedKinds: new Map() }
}

/**
 * Reads an untrusted Kubernetes object, or a `List` of them (also `ServiceList` and its like, whose items need no kind), as
 * YAML or JSON gave it. Never throws; a bad object changes nothing about the others. `null` is no object and no problem.
 *
 * @param origin `FILE:LINE`, or empty
 * @param into where the results are added; a new result when left out
 */
export function parseObject(value: unknown, origin: string, into: ParseResult = emptyResult()): ParseResult {
  parseAny(value, '', new Report(origin, into.problems), { into, kept: DEFAULT_KEPT }, 0)
  return into
}

/** {@link parseObject} for a value whose apiVersion and kind are known, as the items of a typed list are. */
export function parseKind(
  apiVersion: string,
  kind: string,
  value: unknown,
  origin: string,
  kept: KeptKeys = DEFAULT_KEPT,
): ParseResult {
  const into = emptyResult()
  parseAny(value, `${apiVersion} ${kind}`, new Report(origin, into.problems), { into, kept }, 0)
  return into
}

/** One warning for each kind that was skipped. */
export function skippedKindProblems(skipped: ReadonlyMap<string, number>, origin: string): Problem[] {
  return [...skipped].map(([kind, count]) => ({
    severity: 'warning',
    object: kind,
    field: '',
    message: `${count} ${count === 1 ? 'object' : 'objects'} skipped: Sluice reads Service, EndpointSlice, Endpoints, Node and ServiceCIDR`,
    origin,
  }))
}

function parseAny(value: unknown, listed: string, report: Report, parsing: Parsing, depth: number): void {
  const { into, kept } = parsing
  if (value === null || value === undefined) return
  const object = Fields.of(value, report, '')
  if (object === undefined) return fail(report, into, '', foundInstead(value, 'a Kubernetes object'))
  const kind = object.raw('kind')
  const type = kind === undefined && listed !== '' ? listed : typeName(object)
  if (type === undefined) {
    const field = typeof kind === 'string' ? 'apiVersion' : 'kind'
    return fail(
      report,
      into,
      field,
      foundInstead(object.raw(field), 'text: a Kubernetes object has apiVersion and kind'),
    )
  }
  if (type.endsWith('List') && (type === 'v1 List' || Array.isArray(object.raw('items')))) {
    return parseItems(object, type, report, parsing, depth)
  }
  const reader = Object.hasOwn(READERS, type) ? READERS[type] : undefined
  if (reader === undefined) return skip(type, into)
  report.begin(type.slice(type.indexOf(' ') + 1))
  const outcome = reader(object, report, kept)
  if (outcome !== undefined) into.objects.push(...outcome)
  // Endpoints stand for several EndpointSlices: which ones is not known.
  else into.failed.push(type === 'v1 Endpoints' ? '' : report.id)
  report.end()
}

function typeName(object: Fields): string | undefined {
  const kind = object.raw('kind')
  const apiVersion = object.raw('apiVersion')
  if (typeof kind !== 'string' || typeof apiVersion !== 'string') return undefined
  return `${apiVersion} ${kind}`
}

function parseItems(list: Fields, type: string, report: Report, parsing: Parsing, depth: number): void {
  const { into } = parsing
  if (depth >= MAX_DEPTH) return fail(report, into, 'items', `lists in lists; accepted: ${MAX_DEPTH} levels`)
  const items = list.raw('items')
  if (items === undefined) return
  if (!Array.isArray(items)) return fail(report, into, 'items', foundInstead(items, 'a list'))
  const itemType = type === 'v1 List' ? '' : type.slice(0, -'List'.length)
  for (const item of items) parseAny(item, itemType, report, parsing, depth + 1)
}

function skip(type: string, into: ParseResult): void {
  const { skippedKinds } = into
  const full = skippedKinds.size >= MAX_SKIPPED_KINDS
  const key = !PRINTABLE.test(type) || (full && !skippedKinds.has(type)) ? 'other kinds' : type
  skippedKinds.set(key, (skippedKinds.get(key) ?? 0) + 1)
}

function fail(report: Report, into: ParseResult, field: string, message: string): void {
  report.begin('')
  report.error(field, message)
  report.end()
  into.failed.push('')
}

function one<K extends 'Service' | 'Node' | 'ServiceCIDR'>(
  kind: K,
  value: Extract<ClusterObject, { kind: K }>['value'] | undefined,
): Outcome {
  return value === undefined ? undefined : [{ kind, value } as ClusterObject]
}

function slice(value: EndpointSlice | 'ignored' | undefined): Outcome {
  if (value === 'ignored') return []
  return value === undefined ? undefined : [{ kind: 'EndpointSlice', value }]
}
