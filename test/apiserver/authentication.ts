import { apiVersionOf, COLLECTIONS, type Collection } from './collections.ts'
import type { Verb } from './requests.ts'
import { ApiError } from './status.ts'

/** Who a bearer token stands for, and what that user may do. */
export interface User {
  readonly name: string
  /** Everything, unless told. */
  readonly mayDo?: (verb: Verb, collection: Collection) => boolean
}

/** Bearer tokens; an empty table lets everybody do everything. */
export type Tokens = ReadonlyMap<string, User>

/** @throws ApiError with 401 or 403 */
export function authorize(tokens: Tokens, authorization: string | undefined, verb: Verb, to: Collection): void {
  if (tokens.size === 0) return
  const user = tokens.get(/^Bearer (.+)$/.exec(authorization ?? '')?.[1] ?? '')
  if (user === undefined) throw new ApiError(401, 'Unauthorized')
  if (user.mayDo?.(verb, to) ?? true) return
  const { group } = COLLECTIONS[to]
  const what = `cannot ${verb} resource "${to}" in API group "${group}" at the cluster scope`
  throw new ApiError(403, `${to}.${apiVersionOf(COLLECTIONS[to])} is forbidden: User "${user.name}" ${what}`, {
    details: { ...(group !== '' && { group }), kind: to },
  })
}
