import { ApiError } from './status.ts'

/** Whether a parameter is given and not `false` or `0`: so k8s.io/apimachinery converts strings, the empty one to true. */
export function isSet(query: URLSearchParams, name: string): boolean {
  const text = query.get(name)
  return text !== null && text !== '0' && text.toLowerCase() !== 'false'
}

/** A whole number; 0 when it is not given. @throws ApiError */
export function integerOf(query: URLSearchParams, name: string): number {
  const text = query.get(name) ?? ''
  if (text === '') return 0
  if (!/^[-+]?\d+$/.test(text)) {
    throw new ApiError(400, `strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`)
  }
  return Number(text)
}

/** The resource version; undefined when it is not given. @throws ApiError */
export function revisionOf(query: URLSearchParams): number | undefined {
  const text = query.get('resourceVersion') ?? ''
  if (text === '') return undefined
  if (/^\d+$/.test(text)) return Number(text)
  const quoted = JSON.stringify(text)
  const why = `resourceVersion: Invalid value: ${quoted}: strconv.ParseUint: parsing ${quoted}: invalid syntax`
  // A watch finds it so late that nobody gives the error a code.
  if (isSet(query, 'watch')) throw new ApiError(500, why, { reason: '' })
  throw new ApiError(400, `invalid resource version: ${why}`)
}
