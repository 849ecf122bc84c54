import type { Value } from './value.ts'

/** The node that a case runs on, and how Sluice is told to treat it. */
export interface Env {
  readonly nodeName: string
  /** Addresses on the node's interfaces. A probe from one of them is sent by the node itself. */
  readonly nodeIPs: readonly string[]
  /** What the Node object says; the first address of each family in `nodeIPs` when empty. */
  readonly primaryNodeIPs: readonly string[]
  /** `--nodeport-addresses`; empty leaves the plane's default. */
  readonly nodePortAddresses: readonly string[]
  /** How pods are told from other sources; undefined when they are not. */
  readonly detectLocal: { readonly mode: string; readonly podCIDRs: readonly string[] } | undefined
  /** Become ServiceCIDR objects. */
  readonly serviceCIDRs: readonly string[]
  readonly masqueradeAll: boolean
  /** 0 to 31; undefined leaves the default. */
  readonly masqueradeBit: number | undefined
  /** kube-proxy's name of the mode that the case is for; empty when it is for all. */
  readonly mode: string
  readonly nodeLabels: Readonly<Record<string, string>>
  /** By the address of a source, the name of the interface through which the node has it; any name where it says none. */
  readonly interfaces: Readonly<Record<string, string>>
}

/** What a case file need not say. */
export const DEFAULT_ENV: Env = {
  nodeName: 'test-node',
  nodeIPs: ['192.168.0.2', '192.168.1.2', '192.168.99.11', '2001:db8::1', '2001:db8:1::2'],
  primaryNodeIPs: ['192.168.0.2', '2001:db8::1'],
  nodePortAddresses: [],
  detectLocal: { mode: 'ClusterCIDR', podCIDRs: ['10.0.0.0/8', 'fd00:10::/64'] },
  serviceCIDRs: ['172.30.0.0/16', 'fd00:10:96::/112'],
  masqueradeAll: false,
  masqueradeBit: undefined,
  mode: '',
  nodeLabels: {},
  interfaces: {},
}

const texts = (value: Value): readonly string[] => value.texts()
const names = (value: Value) => value.optional((all) => all.object() as Record<string, string>) ?? {}

/** Every field of an environment, with how it is read where it is there. */
const FIELDS: { readonly [field in keyof Env]: (value: Value) => Env[field] } = {
  nodeName: (value) => value.text(),
  nodeIPs: texts,
  primaryNodeIPs: texts,
  nodePortAddresses: texts,
  detectLocal,
  serviceCIDRs: texts,
  masqueradeAll: (value) => value.optional((flag) => flag.flag()) ?? false,
  masqueradeBit: (value) => value.optional((bit) => bit.number()),
  mode: (value) => value.optional((mode) => mode.text()) ?? '',
  nodeLabels: names,
  interfaces: names,
}

/** Names that an `env` of the extended format may have. */
export const ENV_FIELDS = Object.keys(FIELDS)

/** Reads an environment over a default one; fields that it does not name are the default's. */
export function readEnv(value: Value, over: Env = DEFAULT_ENV): Env {
  if (value.isAbsent) return over
  const given = value.object()
  const own = Object.entries(FIELDS)
    .filter(([field]) => Object.hasOwn(given, field))
    .map(([field, read]) => [field, read(value.get(field))] as const)
  return { ...over, ...Object.fromEntries(own) }
}

/** Modes of kube-proxy that need no ranges (promise 65). */
const BY_INTERFACE = ['BridgeInterface', 'InterfaceNamePrefix']

/** Without ranges there is no detector by CIDR, whatever the mode is called. */
function detectLocal(value: Value): Env['detectLocal'] {
  if (value.isAbsent) return undefined
  const mode = value.get('mode').optional((text) => text.text()) ?? 'ClusterCIDR'
  const podCIDRs = value.get('podCIDRs').texts()
  const isNone = mode === '' || /^no(ne|op)?$/i.test(mode) || (podCIDRs.length === 0 && !BY_INTERFACE.includes(mode))
  return isNone ? undefined : { mode, podCIDRs }
}
