import type { Manifest } from '../sluice/manifests.ts'

/** The `reason` of a Status for an HTTP status, as k8s.io/apimachinery's errors have it. */
const REASONS: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  409: 'Conflict',
  410: 'Expired',
  415: 'UnsupportedMediaType',
  422: 'Invalid',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
  504: 'Timeout',
}

export interface StatusOptions {
  /** That of the code, unless told; empty for none. */
  readonly reason?: string
  readonly details?: Manifest
  /** Further fields of `metadata`, such as `continue`. */
  readonly metadata?: Manifest
}

/** An answer that is no success: what a client gets is a meta/v1 Status. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly code: number
  readonly status: Manifest
  /** The Retry-After header. Seconds; undefined for none. */
  readonly retryAfterSeconds: number | undefined

  constructor(code: number, message: string, options: StatusOptions = {}) {
    super(message)
    const { reason = REASONS[code] ?? 'Unknown', details, metadata = {} } = options
    this.code = code
    this.retryAfterSeconds = details?.['retryAfterSeconds'] as number | undefined
    this.status = {
      kind: 'Status',
      apiVersion: 'v1',
      metadata,
      status: 'Failure',
      message,
      ...(reason !== '' && { reason }),
      ...(details && { details }),
      code,
    }
  }
}

/** History that a watch or a list needs was compacted. */
export function expired(asked: number, oldest: number): ApiError {
  return new ApiError(410, `too old resource version: ${asked} (${oldest})`)
}

/** The cluster has not come so far, or was put back; clients know it by the cause. */
export function tooLarge(asked: number, current: number): ApiError {
  return new ApiError(504, `Timeout: Too large resource version: ${asked}, current: ${current}`, {
    details: {
      causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
      retryAfterSeconds: 1,
    },
  })
}

/** What is wrong with an option of a request, as k8s.io/apimachinery's field errors have it. */
export interface OptionFault {
  readonly field: string
  readonly reason: 'FieldValueForbidden' | 'FieldValueNotSupported'
  /** Begins with the reason in words. */
  readonly message: string
}

export function forbidden(field: string, why: string): OptionFault {
  return { field, reason: 'FieldValueForbidden', message: `Forbidden: ${why}` }
}

export function unsupported(field: string, value: string, supported: readonly string[]): OptionFault {
  const quoted = supported.map((one) => JSON.stringify(one)).join(', ')
  const message = `Unsupported value: ${JSON.stringify(value)}: supported values: ${quoted}`
  return { field, reason: 'FieldValueNotSupported', message }
}

/** Options of a request that contradict each other. @throws ApiError when there are any faults. */
export function refuse(faults: readonly OptionFault[]): void {
  if (faults.length === 0) return
  const told = faults.map(({ field, message }) => `${field}: ${message}`).join(', ')
  const listed = faults.length === 1 ? told : `[${told}]`
  throw new ApiError(422, `ListOptions.meta.k8s.io "" is invalid: ${listed}`, {
    details: { group: 'meta.k8s.io', kind: 'ListOptions', causes: faults },
  })
}

/** Nothing of this kind is served. */
export function notServed(): ApiError {
  return new ApiError(404, 'the server could not find the requested resource', { details: {} })
}

/** What an error is about. */
export interface Subject {
  /** Empty for the core group. */
  readonly group: string
  /** Plural, in lower case. */
  readonly resource: string
  /** Empty for a collection. */
  readonly name: string
}

/** `services`, or `endpointslices.discovery.k8s.io`; with the name, if there is one. */
export function qualified({ group, resource, name }: Subject): string {
  const full = group === '' ? resource : `${resource}.${group}`
  return name === '' ? full : `${full} ${JSON.stringify(name)}`
}

/** The `details` of a Status. */
export function detailsOf({ group, resource, name }: Subject): Manifest {
  return { ...(name !== '' && { name }), ...(group !== '' && { group }), kind: resource }
}

export function notFound(subject: Subject): ApiError {
  return new ApiError(404, `${qualified(subject)} not found`, { details: detailsOf(subject) })
}
