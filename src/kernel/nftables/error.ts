/**
 * - `NFT_UNSUPPORTED`: the kernel has no nf_tables.
 * - `NFT_STALE`: somebody else changed the ruleset since it was read; nothing was done. Read again and retry.
 * - `NFT_REFUSED`: the kernel refused the transaction; nothing was done. `refusals` names what it refused.
 * - `NFT_UNACKNOWLEDGED`: no answer; whether the transaction was done is unknown until the ruleset is read.
 * - `NFT_READ`: the ruleset could not be read.
 */
export type NftablesErrorCode = 'NFT_UNSUPPORTED' | 'NFT_STALE' | 'NFT_REFUSED' | 'NFT_UNACKNOWLEDGED' | 'NFT_READ'

/** One thing that the kernel refused. */
export interface Refusal {
  /** Symbolic errno, for example `EEXIST`. */
  readonly errno: string
  /** The kernel's own words; most often empty. */
  readonly text: string
  /** `add element`, `add rule` ... */
  readonly operation: string
  /** `ip` or `ip6`; empty when the kernel refused the batch as such. */
  readonly family: string
  readonly table: string
  /** The set or chain; empty when the table itself is meant. */
  readonly object: string
  /** The element's key; absent when no element is to blame. */
  readonly key?: Buffer
  /** The element's comment; empty when it has none. */
  readonly comment: string
}

export class NftablesError extends Error {
  readonly code: NftablesErrorCode
  readonly refusals: readonly Refusal[]

  constructor(
    code: NftablesErrorCode,
    message: string,
    options: { refusals?: readonly Refusal[]; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause })
    this.name = 'NftablesError'
    this.code = code
    this.refusals = options.refusals ?? []
  }
}
