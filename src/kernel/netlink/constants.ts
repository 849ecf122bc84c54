/** include/uapi/linux/netlink.h */
export const NETLINK = {
  ROUTE: 0,
  NETFILTER: 12,
  GENERIC: 16,
  ADD_MEMBERSHIP: 1,
  CAP_ACK: 10,
  EXT_ACK: 11,
  GET_STRICT_CHK: 12,
} as const

/** Message types below 0x10 are netlink's own. */
export const NLMSG = { NOOP: 1, ERROR: 2, DONE: 3, OVERRUN: 4 } as const

/** Flags of nlmsghdr. */
export const NLM_F = {
  REQUEST: 0x1,
  MULTI: 0x2,
  ACK: 0x4,
  DUMP_INTR: 0x10,
  /** In an error message: the failed message is not quoted beyond its header. */
  CAPPED: 0x100,
  /** In an error message: attributes (NLMSGERR_ATTR_*) follow. */
  ACK_TLVS: 0x200,
  /** In a request. */
  DUMP: 0x300,
  EXCL: 0x200,
  CREATE: 0x400,
  APPEND: 0x800,
} as const

export const NLMSGERR_ATTR = { MSG: 1, OFFS: 2 } as const

export const NLA_F_NESTED = 0x8000
export const NLA_TYPE_MASK = 0x3fff

/** Bytes of struct nlmsghdr. */
export const HEADER_BYTES = 16
