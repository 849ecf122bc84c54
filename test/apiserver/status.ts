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
  422: 'Invalid',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
  504: 'Timeout',
}

export interface StatusOptions {
  /** That of the code, unless told. */
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
      reason,
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
  return new ApiError(504, `Too large resource version: ${asked}, current: ${current}`, {
    details: {
      causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
      retryAfterSeconds: 1,
    },
  })
}

/** Options of a request that contradict each other. */
export function invalidOptions(field: string, message: string): ApiError {
  return new ApiError(422, `ListOptions.meta.k8s.io "" is invalid: ${field}: Forbidden: ${message}`, {
    details: {
      group: 'meta.k8s.io',
      kind: 'ListOptions',
      causes: [{ reason: 'FieldValueForbidden', message: `Forbidden: ${message}`, field }],
    },
  })
}
