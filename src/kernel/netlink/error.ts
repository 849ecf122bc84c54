/**
 * - `NETLINK_UNSUPPORTED`: the kernel has no such netlink protocol.
 * - `NETLINK_PERMISSION`: the caller lacks CAP_NET_ADMIN.
 * - `NETLINK_SEND`: the kernel did not take a datagram; `errno` says why (EMSGSIZE: larger than the socket buffer).
 * - `NETLINK_OVERRUN`: replies were lost (ENOBUFS); what the kernel did is unknown until it is read back.
 * - `NETLINK_PROTOCOL`: a reply that cannot be understood, or none where one is due.
 * - `NETLINK_INTERRUPTED`: a dump that changed while it was read.
 * - `NETLINK_REFUSED`: the kernel refused one request; `errno` says why.
 */
export type NetlinkErrorCode =
  | 'NETLINK_UNSUPPORTED'
  | 'NETLINK_PERMISSION'
  | 'NETLINK_SEND'
  | 'NETLINK_OVERRUN'
  | 'NETLINK_PROTOCOL'
  | 'NETLINK_INTERRUPTED'
  | 'NETLINK_REFUSED'

/** A failure of the netlink socket itself, not of what was asked. */
export class NetlinkError extends Error {
  readonly code: NetlinkErrorCode
  /** Symbolic errno; empty when neither a system call failed nor the kernel named one. */
  readonly errno: string

  constructor(code: NetlinkErrorCode, message: string, options: { errno?: string; cause?: unknown } = {}) {
    super(message, { cause: options.cause })
    this.name = 'NetlinkError'
    this.code = code
    this.errno = options.errno ?? ''
  }
}
