/** Values of include/uapi/linux/netfilter/nfnetlink_conntrack.h and nfnetlink.h. */

/** enum cntl_msg_types, with the subsystem (NFNL_SUBSYS_CTNETLINK, 1) in the high byte as nlmsg_type has it. */
export const CT_MSG = { NEW: 0x100, GET: 0x101, DELETE: 0x102 } as const

/** Bytes of struct nfgenmsg, which follows every header. */
export const NFGENMSG_BYTES = 4

export const CTA = { TUPLE_ORIG: 1, TUPLE_REPLY: 2, TIMEOUT: 7, ID: 12, ZONE: 18, FILTER: 25 } as const
export const CTA_TUPLE = { IP: 1, PROTO: 2, ZONE: 3 } as const
export const CTA_IP = { V4_SRC: 1, V4_DST: 2, V6_SRC: 3, V6_DST: 4 } as const
export const CTA_PROTO = { NUM: 1, SRC_PORT: 2, DST_PORT: 3 } as const
export const CTA_FILTER = { ORIG_FLAGS: 1, REPLY_FLAGS: 2 } as const
/** Which part of a tuple a dump is filtered by: include/net/netfilter/nf_conntrack_core.h, Linux 5.8. Host order. */
export const CTA_FILTER_F_PROTO_NUM = 1 << 3

/** include/uapi/linux/in.h */
export const IPPROTO_UDP = 17
