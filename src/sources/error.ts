/**
 * What a source can fail with.
 *
 * - `SOURCE_NOT_FOUND`: an input does not exist.
 * - `SOURCE_UNREADABLE`: an input exists and cannot be read, for example for want of permission.
 * - `SOURCE_TOO_LARGE`: a file or a document in it is larger than is accepted, or took too much memory to read.
 * - `SOURCE_SYNTAX`: nothing in an input is YAML or JSON, or not in the form that is wanted.
 * - `SOURCE_CREDENTIALS`: credentials are missing, cannot be used, or the API server does not accept them.
 * - `SOURCE_UNREACHABLE`: the API server cannot be reached, or fell silent; it is tried again.
 * - `SOURCE_REFUSED`: the API server answered something else than it was asked for; it is tried again.
 * - `SOURCE_NOT_SERVED`: the API server does not know this kind of object.
 * - `SOURCE_INVALID`: the API server does not accept what is asked of it, for example because it is an older one.
 * - `SOURCE_EXPIRED`: the API server no longer knows the resource version or the continuation; everything is listed again.
 * - `SOURCE_AHEAD`: the API server has not come to the resource version that was seen; everything is listed again.
 */
export type SourceErrorCode =
  | 'SOURCE_NOT_FOUND'
  | 'SOURCE_UNREADABLE'
  | 'SOURCE_TOO_LARGE'
  | 'SOURCE_SYNTAX'
  | 'SOURCE_CREDENTIALS'
  | 'SOURCE_UNREACHABLE'
  | 'SOURCE_REFUSED'
  | 'SOURCE_NOT_SERVED'
  | 'SOURCE_INVALID'
  | 'SOURCE_EXPIRED'
  | 'SOURCE_AHEAD'

/** The one error of this layer: a source cannot start, or one of its inputs cannot be read. */
export class SourceError extends Error {
  override readonly name = 'SourceError'
  readonly code: SourceErrorCode
  /** The input at fault: `FILE`, `FILE:LINE` or `FILE:LINE:COLUMN`, or the URL without its query. */
  readonly origin: string
  /** Milliseconds for which the API server asked to be left alone; 0 when it did not. */
  readonly retryAfterMs: number

  constructor(code: SourceErrorCode, origin: string, message: string, cause?: unknown, retryAfterMs = 0) {
    super(`${origin}: ${message}`, cause === undefined ? undefined : { cause })
    this.code = code
    this.origin = origin
    this.retryAfterMs = retryAfterMs
  }

  /** The message without the origin in front. */
  get reason(): string {
    return this.message.slice(this.origin.length + 2)
  }
}

export function isSourceError(error: unknown, code?: SourceErrorCode): error is SourceError {
  return error instanceof SourceError && (code === undefined || error.code === code)
}

/** What the system said, as the error of this layer. */
export function readError(path: string, error: unknown): SourceError {
  if (error instanceof SourceError) return error
  const code = (error as NodeJS.ErrnoException | undefined)?.code
  if (code === 'ENOENT' || code === 'ENOTDIR') return new SourceError('SOURCE_NOT_FOUND', path, 'does not exist', error)
  const reason = REASONS.get(code ?? '') ?? (error instanceof Error ? error.message : String(error))
  return new SourceError('SOURCE_UNREADABLE', path, `cannot be read: ${reason}`, error)
}

const REASONS: ReadonlyMap<string, string> = new Map([
  ['EACCES', 'permission denied'],
  ['EPERM', 'operation not permitted'],
  ['EISDIR', 'it is a directory'],
  ['ELOOP', 'too many symbolic links'],
  ['EIO', 'input/output error'],
  ['EMFILE', 'too many open files'],
])
