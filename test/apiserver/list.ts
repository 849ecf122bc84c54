import type { Manifest } from '../sluice/manifests.ts'
import { apiVersionOf, COLLECTIONS, metaOf, type Target } from './collections.ts'
import type { Etcd } from './etcd.ts'
import { fieldSelector, labelSelector, type Selector } from './selectors.ts'
import { ApiError, invalidOptions, tooLarge } from './status.ts'

/** Whether an object is in the namespace, and both selectors want it. @throws ApiError */
export function selectorOf({ namespace }: Target, query: URLSearchParams): Selector {
  const isLabelled = labelSelector(query.get('labelSelector') ?? '')
  const hasFields = fieldSelector(query.get('fieldSelector') ?? '')
  return (object) => {
    return (namespace === '' || metaOf(object).namespace === namespace) && hasFields(object) && isLabelled(object)
  }
}

/** A resource version of a request. @returns undefined when it is not given. @throws ApiError */
export function revisionOf(query: URLSearchParams): number | undefined {
  const text = query.get('resourceVersion') ?? ''
  if (text === '') return undefined
  if (!/^\d+$/.test(text)) throw new ApiError(400, `Invalid value: ${JSON.stringify(text)}: strconv.ParseUint`)
  return Number(text)
}

/** Where a list goes on: in the state of this revision, behind this key. */
interface Continuation {
  /** -1 for the present state: a client that goes on although its token expired. */
  readonly revision: number
  readonly after: string
}

/** One page, or all. @throws ApiError */
export function list(etcd: Etcd, target: Target, query: URLSearchParams): Manifest {
  const spec = COLLECTIONS[target.collection]
  const asked = revisionOf(query)
  checkMatch(query, asked)
  const isWanted = selectorOf(target, query)
  const continued = continuation(query, asked)
  const revision = continued === undefined ? revisionFor(etcd, query, asked) : continued.revision
  const shown = revision < 0 ? etcd.revision : revision
  const all = snapshotOf(etcd, target, shown, continued).filter(isWanted)
  const rest = all.filter((object) => continued === undefined || keyOf(object) > continued.after)
  // From the watch cache comes everything: a limit does not count there.
  const limit = asked === 0 && continued === undefined ? 0 : Number(query.get('limit') ?? 0)
  const page = limit > 0 ? rest.slice(0, limit) : rest
  return {
    kind: `${spec.kind}List`,
    apiVersion: apiVersionOf(spec),
    metadata: { resourceVersion: String(shown), ...next(page, rest, shown, query) },
    // The items of a list have neither apiVersion nor kind.
    items: page.map((object) => ({ ...object, apiVersion: undefined, kind: undefined })),
  }
}

/** Which combinations there are: "Resource versions" in the Kubernetes API concepts. */
function checkMatch(query: URLSearchParams, asked: number | undefined): void {
  const match = query.get('resourceVersionMatch') ?? ''
  const field = 'resourceVersionMatch'
  if (query.get('sendInitialEvents') !== null) {
    throw invalidOptions('sendInitialEvents', 'sendInitialEvents is forbidden for list')
  }
  if (match === '') return
  if (query.has('continue')) throw invalidOptions(field, 'resourceVersionMatch is forbidden when continue is provided')
  if (asked === undefined) {
    throw invalidOptions(field, 'resourceVersionMatch is forbidden unless resourceVersion is provided')
  }
  if (match !== 'Exact' && match !== 'NotOlderThan') throw invalidOptions(field, `unsupported value ${match}`)
  if (match === 'Exact' && asked === 0) {
    throw invalidOptions(field, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"')
  }
}

/** The state that a list shows. */
function revisionFor(etcd: Etcd, query: URLSearchParams, asked: number | undefined): number {
  if (asked === undefined || asked === 0) return etcd.revision
  if (asked > etcd.revision) throw tooLarge(asked, etcd.revision)
  const isPaged = Number(query.get('limit') ?? 0) > 0
  const match = query.get('resourceVersionMatch') ?? (isPaged ? 'Exact' : 'NotOlderThan')
  return match === 'Exact' ? asked : etcd.revision
}

function continuation(query: URLSearchParams, asked: number | undefined): Continuation | undefined {
  const token = query.get('continue') ?? ''
  if (token === '') return undefined
  if (asked !== undefined && asked !== 0) {
    throw new ApiError(400, 'specifying resource version is not allowed when using continue')
  }
  try {
    const { rv, start } = JSON.parse(Buffer.from(token, 'base64url').toString()) as { rv?: unknown; start?: unknown }
    if (typeof rv === 'number' && typeof start === 'string') return { revision: rv, after: start }
  } catch {
    // Told below.
  }
  throw new ApiError(400, 'continue key is not valid')
}

function snapshotOf(
  etcd: Etcd,
  target: Target,
  revision: number,
  continued: Continuation | undefined,
): readonly Manifest[] {
  try {
    return etcd.at(target.collection, revision)
  } catch (error) {
    if (!(error instanceof ApiError)) throw error
    if (continued === undefined) throw new ApiError(410, 'The resourceVersion for the provided list is too old.')
    const token = tokenOf({ revision: -1, after: continued.after })
    const message = 'The provided continue parameter is too old to display a consistent list result.'
    throw new ApiError(410, message, { metadata: { continue: token } })
  }
}

function next(
  page: readonly Manifest[],
  rest: readonly Manifest[],
  revision: number,
  query: URLSearchParams,
): Manifest | undefined {
  const last = page.at(-1)
  if (page.length === rest.length || last === undefined) return undefined
  const isFiltered = query.get('labelSelector') || query.get('fieldSelector')
  return {
    continue: tokenOf({ revision, after: keyOf(last) }),
    // How many are left is not known when they have to be filtered.
    ...(isFiltered ? undefined : { remainingItemCount: rest.length - page.length }),
  }
}

function tokenOf({ revision, after }: Continuation): string {
  return Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv: revision, start: after })).toString('base64url')
}

function keyOf(object: Manifest): string {
  const { namespace = '', name = '' } = metaOf(object)
  return `${namespace}/${name}`
}
