/**
 * - `CONNTRACK_UNSUPPORTED`: the kernel does not tell its connection-tracking entries (no ctnetlink).
 * - `CONNTRACK_READ`: the entries could not be listed.
 * - `CONNTRACK_DELETE`: the kernel refused to delete entries, or did not say whether it did. What is left is found again by
 *   the next listing.
 */
export type ConntrackErrorCode = 'CONNTRACK_UNSUPPORTED' | 'CONNTRACK_READ' | 'CONNTRACK_DELETE'

/** A failure to read or to delete connection-tracking entries. */
export class ConntrackError extends Error {
  readonly code: ConntrackErrorCode
  /** Symbolic errno of the kernel's answer; empty when it gave none. */
  readonly errno: string

  constructor(code: ConntrackErrorCode, message: string, options: { errno?: string; cause?: unknown } = {}) {
    super(message, { cause: options.cause })
    this.name = 'ConntrackError'
    this.code = code
    this.errno = options.errno ?? ''
  }
}
