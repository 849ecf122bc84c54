import type { Message } from './message.ts'

// localv1

const IP_SET = { v4: { id: 1, is: 'list' }, v6: { id: 2, is: 'list' } } as const satisfies Message

const SERVICE_IPS = {
  clusterips: { id: 1, is: 'message', of: IP_SET },
  externalips: { id: 2, is: 'message', of: IP_SET },
  headless: { id: 3, is: 'flag' },
  loadbalancerips: { id: 4, is: 'message', of: IP_SET },
} as const satisfies Message

const PORT_MAPPING = {
  name: { id: 1, is: 'text' },
  protocol: { id: 2, is: 'int32' },
  port: { id: 3, is: 'int32' },
  nodeport: { id: 4, is: 'int32' },
  targetport: { id: 5, is: 'int32' },
  targetportname: { id: 6, is: 'text' },
} as const satisfies Message

const IP_FILTER = {
  targetips: { id: 1, is: 'message', of: IP_SET },
  sourceranges: { id: 2, is: 'list' },
} as const satisfies Message

const CLIENT_IP_AFFINITY = { timeoutseconds: { id: 1, is: 'int32' } } as const satisfies Message

export const SERVICE = {
  namespace: { id: 1, is: 'text' },
  name: { id: 2, is: 'text' },
  type: { id: 3, is: 'text' },
  ips: { id: 4, is: 'message', of: SERVICE_IPS },
  mapip: { id: 5, is: 'flag' },
  ports: { id: 6, is: 'list', of: PORT_MAPPING },
  externaltraffictolocal: { id: 7, is: 'flag' },
  labels: { id: 8, is: 'map' },
  annotations: { id: 9, is: 'map' },
  ipfilters: { id: 10, is: 'list', of: IP_FILTER },
  clientip: { id: 11, is: 'message', of: CLIENT_IP_AFFINITY, under: 'sessionaffinity' },
  internaltraffictolocal: { id: 12, is: 'flag' },
  healthchecknodeport: { id: 13, is: 'int32' },
  creationtimestamp: { id: 100, is: 'int64' },
} as const satisfies Message

const PORT_NAME = {
  name: { id: 1, is: 'text' },
  port: { id: 2, is: 'int32' },
  protocol: { id: 100, is: 'int32' },
} as const satisfies Message

const ENDPOINT_SCOPES = {
  internal: { id: 1, is: 'flag' },
  external: { id: 2, is: 'flag' },
} as const satisfies Message

const ENDPOINT_STANDING = {
  ready: { id: 1, is: 'flag' },
  incluster: { id: 2, is: 'flag' },
  unplaced: { id: 3, is: 'flag' },
} as const satisfies Message

export const ENDPOINT = {
  hostname: { id: 1, is: 'text' },
  ips: { id: 2, is: 'message', of: IP_SET },
  local: { id: 3, is: 'flag' },
  portoverrides: { id: 4, is: 'list', of: PORT_NAME },
  scopes: { id: 5, is: 'message', of: ENDPOINT_SCOPES },
  standing: { id: 100, is: 'message', of: ENDPOINT_STANDING },
} as const satisfies Message

export const IP_RANGES = { ranges: { id: 1, is: 'list' } } as const satisfies Message

export const WATCH_REQ = {
  nodename: { id: 1, is: 'text' },
  withadditions: { id: 100, is: 'flag' },
} as const satisfies Message

const EMPTY_OP = {} as const satisfies Message
const REF = { set: { id: 1, is: 'int32' }, path: { id: 2, is: 'text' } } as const satisfies Message
const VALUE = { ref: { id: 1, is: 'message', of: REF }, bytes: { id: 2, is: 'bytes' } } as const satisfies Message

export const OP_ITEM = {
  sync: { id: 1, is: 'message', of: EMPTY_OP },
  set: { id: 2, is: 'message', of: VALUE },
  delete: { id: 3, is: 'message', of: REF },
  reset: { id: 4, is: 'message', of: EMPTY_OP },
} as const satisfies Message

// globalv1

export const GLOBAL_WATCH_REQ = { withadditions: { id: 100, is: 'flag' } } as const satisfies Message

export const SERVICE_INFO = {
  hash: { id: 1, is: 'hash' },
  service: { id: 2, is: 'message', of: SERVICE },
} as const satisfies Message

const CONDITIONS = {
  ready: { id: 1, is: 'flag' },
  serving: { id: 100, is: 'flag', isOptional: true },
  terminating: { id: 101, is: 'flag' },
} as const satisfies Message

const TOPOLOGY = { node: { id: 1, is: 'text' }, zone: { id: 2, is: 'text' } } as const satisfies Message
const HINTS = { zones: { id: 1, is: 'list' }, nodes: { id: 100, is: 'list' } } as const satisfies Message

export const ENDPOINT_INFO = {
  hash: { id: 1, is: 'hash' },
  namespace: { id: 2, is: 'text' },
  sourcename: { id: 3, is: 'text' },
  servicename: { id: 4, is: 'text' },
  endpoint: { id: 6, is: 'message', of: ENDPOINT },
  conditions: { id: 7, is: 'message', of: CONDITIONS },
  podname: { id: 8, is: 'text' },
  topology: { id: 9, is: 'message', of: TOPOLOGY },
  hints: { id: 10, is: 'message', of: HINTS },
} as const satisfies Message

export const NODE = {
  name: { id: 1, is: 'text' },
  labels: { id: 2, is: 'map' },
  annotations: { id: 3, is: 'map' },
  topology: { id: 4, is: 'message', of: TOPOLOGY },
  addresses: { id: 100, is: 'list' },
  podcidrs: { id: 101, is: 'list' },
  isleaving: { id: 102, is: 'flag' },
} as const satisfies Message

export const NODE_INFO = {
  hash: { id: 1, is: 'hash' },
  node: { id: 2, is: 'message', of: NODE },
} as const satisfies Message

export const SERVICE_CIDR_INFO = {
  name: { id: 1, is: 'text' },
  ranges: { id: 2, is: 'message', of: IP_RANGES },
} as const satisfies Message
