import type { Collection, ResourcePath } from './collections.ts'
import type { Verb } from './requests.ts'
import { ApiError, detailsOf, qualified } from './status.ts'

/** Who a bearer token stands for, and what that user may do. */
export interface User {
  readonly name: string
  /** Everything, unless told; then nothing with what is not served. */
  readonly mayDo?: (verb: Verb, collection: Collection) => boolean
}

/** Bearer tokens; an empty table lets everybody do everything. */
export type Tokens = ReadonlyMap<string, User>

/** Who shows no token: an API server lets that user in, and RBAC allows next to nothing. */
const ANONYMOUS: User = { name: 'system:anonymous', mayDo: () => false }

/**
 * Before it is known whether the resource is served, as real ones do it.
 *
 * @param to what is asked for
 * @param collection the same, if it is served
 * @throws ApiError with 401 or 403
 */
export function authorize(
  tokens: Tokens,
  authorization: string | undefined,
  verb: Verb,
  to: ResourcePath,
  collection: Collection | undefined,
): void {
  if (tokens.size === 0) return
  const token = /^bearer +(.+)$/i.exec(authorization ?? '')?.[1]
  const user = token === undefined ? ANONYMOUS : tokens.get(token)
  if (user === undefined) throw new ApiError(401, 'Unauthorized')
  const { mayDo } = user
  if (mayDo === undefined || (collection !== undefined && mayDo(verb, collection))) return
  const where = to.namespace === '' ? 'at the cluster scope' : `in the namespace "${to.namespace}"`
  const what = `cannot ${verb} resource "${to.resource}" in API group "${to.group}" ${where}`
  throw new ApiError(403, `${qualified(to)} is forbidden: User "${user.name}" ${what}`, { details: detailsOf(to) })
}
