/** Values of include/uapi/linux/netfilter/nf_tables.h and nfnetlink.h. */

export const NFNL_SUBSYS_NFTABLES = 10
/** Multicast group of nf_tables notifications. */
export const NFNLGRP_NFTABLES = 7
export const NFNL_MSG_BATCH_BEGIN = 0x10
export const NFNL_MSG_BATCH_END = 0x11
export const NFNL_BATCH_GENID = 1
/** Bytes of struct nfgenmsg, which follows every header. */
export const NFGENMSG_BYTES = 4

/** enum nf_tables_msg_types, with the subsystem in the high byte as nlmsg_type has it. */
export const NFT_MSG = {
  NEWTABLE: 0xa00,
  GETTABLE: 0xa01,
  DELTABLE: 0xa02,
  NEWCHAIN: 0xa03,
  GETCHAIN: 0xa04,
  DELCHAIN: 0xa05,
  NEWRULE: 0xa06,
  GETRULE: 0xa07,
  DELRULE: 0xa08,
  NEWSET: 0xa09,
  GETSET: 0xa0a,
  DELSET: 0xa0b,
  NEWSETELEM: 0xa0c,
  GETSETELEM: 0xa0d,
  DELSETELEM: 0xa0e,
  NEWGEN: 0xa0f,
  GETGEN: 0xa10,
} as const

export const NFTA_LIST_ELEM = 1
/** Flags of a table: owned by a netlink socket, and kept when that is closed. */
export const NFT_TABLE_F = { OWNER: 2, PERSIST: 4 } as const
export const NFTA_TABLE = { NAME: 1, FLAGS: 2, USE: 3, HANDLE: 4, USERDATA: 6, OWNER: 7 } as const
export const NFTA_CHAIN = { TABLE: 1, HANDLE: 2, NAME: 3, HOOK: 4, POLICY: 5, USE: 6, TYPE: 7, USERDATA: 12 } as const
export const NFTA_HOOK = { HOOKNUM: 1, PRIORITY: 2, DEV: 3 } as const
export const NFTA_RULE = { TABLE: 1, CHAIN: 2, HANDLE: 3, EXPRESSIONS: 4, POSITION: 6, USERDATA: 7 } as const
export const NFTA_EXPR = { NAME: 1, DATA: 2 } as const
export const NFTA_DATA = { VALUE: 1, VERDICT: 2 } as const
export const NFTA_VERDICT = { CODE: 1, CHAIN: 2 } as const
export const NFTA_SET = {
  TABLE: 1,
  NAME: 2,
  FLAGS: 3,
  KEY_TYPE: 4,
  KEY_LEN: 5,
  DATA_TYPE: 6,
  DATA_LEN: 7,
  POLICY: 8,
  DESC: 9,
  ID: 10,
  TIMEOUT: 11,
  GC_INTERVAL: 12,
  USERDATA: 13,
  HANDLE: 16,
} as const
export const NFTA_SET_FIELD_LEN = 1
export const NFTA_SET_DESC = { SIZE: 1, CONCAT: 2 } as const
export const NFT_SET = {
  ANONYMOUS: 0x1,
  CONSTANT: 0x2,
  INTERVAL: 0x4,
  MAP: 0x8,
  TIMEOUT: 0x10,
  EVAL: 0x20,
  CONCAT: 0x80,
} as const
/** NFTA_SET_DATA_TYPE of a verdict map. */
export const NFT_DATA_VERDICT = 0xffffff00
export const NFTA_SET_ELEM_LIST = { TABLE: 1, SET: 2, ELEMENTS: 3, SET_ID: 4 } as const
export const NFTA_SET_ELEM = { KEY: 1, DATA: 2, FLAGS: 3, TIMEOUT: 4, EXPIRATION: 5, USERDATA: 6, KEY_END: 10 } as const
export const NFT_SET_ELEM_INTERVAL_END = 1

/** enum nft_verdicts and the netfilter verdicts. */
export const VERDICT_CODE = { drop: 0, accept: 1, jump: -3, goto: -4, return: -5 } as const

export const NFTA_GEN = { ID: 1, PROC_PID: 2, PROC_NAME: 3 } as const

/** User data that nft itself writes and reads (libnftnl udata.h): a type byte, a length byte, the value. */
export const UDATA = {
  /** Comments of tables, chains, rules and elements. */
  COMMENT: 0,
  SET_KEY_BYTEORDER: 0,
  SET_DATA_BYTEORDER: 1,
  SET_KEY_TYPEOF: 3,
  SET_DATA_TYPEOF: 4,
  SET_COMMENT: 7,
} as const

/** Expression attributes. */
export const NFTA_IMMEDIATE = { DREG: 1, DATA: 2 } as const
export const NFTA_BITWISE = { SREG: 1, DREG: 2, LEN: 3, MASK: 4, XOR: 5, OP: 6 } as const
export const NFTA_BYTEORDER = { SREG: 1, DREG: 2, OP: 3, LEN: 4, SIZE: 5 } as const
export const NFT_BYTEORDER_HTON = 1
export const NFTA_CMP = { SREG: 1, OP: 2, DATA: 3 } as const
export const NFTA_LOOKUP = { SET: 1, SREG: 2, DREG: 3, SET_ID: 4, FLAGS: 5 } as const
export const NFTA_DYNSET = { SET_NAME: 1, SET_ID: 2, OP: 3, SREG_KEY: 4, SREG_DATA: 5, TIMEOUT: 6 } as const
export const NFTA_PAYLOAD = { DREG: 1, BASE: 2, OFFSET: 3, LEN: 4 } as const
export const NFTA_META = { DREG: 1, KEY: 2, SREG: 3 } as const
export const NFTA_CT = { DREG: 1, KEY: 2, DIRECTION: 3 } as const
export const NFTA_NG = { DREG: 1, MODULUS: 2, TYPE: 3, OFFSET: 4 } as const
/** NFT_FIB_RESULT_ADDRTYPE and NFTA_FIB_F_SADDR. */
export const NFT_FIB = { RESULT_ADDRTYPE: 3, F_SADDR: 1 } as const
export const NFTA_FIB = { DREG: 1, RESULT: 2, FLAGS: 3 } as const
export const NFTA_NAT = {
  TYPE: 1,
  FAMILY: 2,
  REG_ADDR_MIN: 3,
  REG_ADDR_MAX: 4,
  REG_PROTO_MIN: 5,
  REG_PROTO_MAX: 6,
  FLAGS: 7,
} as const
export const NFTA_MASQ_FLAGS = 1
export const NFTA_REJECT = { TYPE: 1, ICMP_CODE: 2 } as const

export const NFT_META_PRIORITY = 2
export const NFT_META_IIFNAME = 6
export const NFT_META_L4PROTO = 16
export const NFT_CT_KEY = {
  STATE: 0,
  STATUS: 2,
  PROTO_SRC: 11,
  PROTO_DST: 12,
  SRC_IP: 19,
  DST_IP: 20,
  SRC_IP6: 21,
  DST_IP6: 22,
} as const
export const NFT_CMP = { EQ: 0, NEQ: 1 } as const
export const NF_NAT_RANGE_PROTO_RANDOM_FULLY = 0x10
export const NFT_NAT_DNAT = 1
export const NFT_DYNSET_OP_UPDATE = 1
export const NFT_LOOKUP_F_INV = 1
/** nft numbers 32-bit registers from 8; register 1 is the same storage as 8. */
export const REGISTER = { VERDICT: 0, FIRST: 1, FIRST_32: 8, COUNT_32: 16 } as const
