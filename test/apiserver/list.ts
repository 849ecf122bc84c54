import type { Manifest } from '../sluice/manifests.ts'
import { apiVersionOf, COLLECTIONS, metaOf, type Target } from './collections.ts'
import type { Etcd } from './etcd.ts'
import { integerOf, revisionOf } from './query.ts'
import { fieldSelector, labelSelector, type Selector } from './selectors.ts'
import { ApiError, forbidden, type OptionFault, refuse, tooLarge, unsupported } from './status.ts'

/** Whether an object is in the namespace, and both selectors want it. @throws ApiError */
export function selectorOf({ collection, namespace }: Target, query: URLSearchParams): Selector {
  const isLabelled = labelSelector(query.get('labelSelector') ?? '')
  const hasFields = fieldSelector(query.get('fieldSelector') ?? '', collection)
  return (object) => {
    return (namespace === '' || metaOf(object).namespace === namespace) && hasFields(object) && isLabelled(object)
  }
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
  const most = integerOf(query, 'limit')
  // Checked in a list, too, where nothing depends on it.
  integerOf(query, 'timeoutSeconds')
  refuse(faultsOf(query))
  const asked = revisionOf(query)
  const isWanted = selectorOf(target, query)
  const continued = continuation(query, asked)
  const revision = continued === undefined ? revisionFor(etcd, query, asked, most > 0) : continued.revision
  const shown = revision < 0 ? etcd.revision : revision
  const all = snapshotOf(etcd, target, shown, continued).filter(isWanted)
  const rest = all.filter((object) => continued === undefined || keyOf(object) > continued.after)
  // From the watch cache comes everything: a limit does not count there.
  const limit = asked === 0 ? 0 : most
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
function faultsOf(query: URLSearchParams): OptionFault[] {
  const match = query.get('resourceVersionMatch') ?? ''
  const version = query.get('resourceVersion') ?? ''
  const field = 'resourceVersionMatch'
  const faults: OptionFault[] = []
  if (match !== '') {
    if (query.get('continue')) faults.push(forbidden(field, `${field} is forbidden when continue is provided`))
    if (version === '') faults.push(forbidden(field, `${field} is forbidden unless resourceVersion is provided`))
    if (match === 'Exact' && version === '0') {
      faults.push(forbidden(field, `${field} "exact" is forbidden for resourceVersion "0"`))
    }
    if (match !== 'Exact' && match !== 'NotOlderThan') {
      faults.push(unsupported(field, match, ['Exact', 'NotOlderThan', '']))
    }
  }
  if (query.has('sendInitialEvents')) {
    faults.push(forbidden('sendInitialEvents', 'sendInitialEvents is forbidden for list'))
  }
  return faults
}

/** The state that a list shows. */
function revisionFor(etcd: Etcd, query: URLSearchParams, asked: number | undefined, isPaged: boolean): number {
  if (asked === undefined || asked === 0) return etcd.revision
  if (asked > etcd.revision) throw tooLarge(asked, etcd.revision)
  const match = query.get('resourceVersionMatch') || (isPaged ? 'Exact' : 'NotOlderThan')
  return match === 'Exact' ? asked : etcd.revision
}

function continuation(query: URLSearchParams, asked: number | undefined): Continuation | undefined {
  const token = query.get('continue') ?? ''
  if (token === '') return undefined
  const continued = continuationOf(token)
  if (continued === undefined) throw new ApiError(400, 'invalid continue token: continue key is not valid')
  if (asked === undefined || asked === 0) return continued
  throw new ApiError(400, 'specifying resource version is not allowed when using continue')
}

function continuationOf(token: string): Continuation | undefined {
  try {
    const { rv, start } = JSON.parse(Buffer.from(token, 'base64url').toString()) as { rv?: unknown; start?: unknown }
    if (typeof rv === 'number' && typeof start === 'string') return { revision: rv, after: start }
  } catch {
    // None.
  }
  return undefined
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
