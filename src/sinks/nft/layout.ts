import { DATA_TYPES, RTN_LOCAL } from '../../kernel/nftables/datatype.ts'
import { FIELDS, type Field, numgenRandom } from '../../kernel/nftables/field.ts'
import type { Statement } from '../../kernel/nftables/statement.ts'
import type { Chain, NftSet, Rule, Table, TableFamily } from '../../kernel/nftables/types.ts'
import type { Verdict } from '../../kernel/nftables/verdict.ts'
import type { Family } from '../../model/ip.ts'
import type { MasqueradeClass } from '../../virtual-server/virtual-server.ts'
import { EXACT_UP_TO, fallbackSlots, isExact } from './slots.ts'

/** Name of Sluice's tables: `ip sluice` and `ip6 sluice`. All that is in them is Sluice's. */
export const TABLE_NAME = 'sluice'

/**
 * The value that `services` and `node-ports` give is one number: the pool's id in the upper 20 bits, and the class in
 * the lower 12. It travels from rule to rule in the packet's priority (ADR 1).
 */
export const CLASS_BITS = 12
export const CLASS_MASK = (1 << CLASS_BITS) - 1
export const POOL_MASK = ~CLASS_MASK >>> 0
/** 0 means "no pool". */
export const MAX_POOL_ID = 2 ** (32 - CLASS_BITS) - 1
/** Class 0 is never used, so that the number is never 0, which means that there is no priority. */
export const MAX_CLASS = 2 ** CLASS_BITS - 1

/** How often a packet draws again when it drew an empty slot, before it draws among slots that are surely filled. */
const DRAWS = 4

const CT_STATE_INVALID = 0x1
const CT_STATE_NEW = 0x8
const CT_STATUS_DNAT = 0x20
const NAT_PRIORITY = { prerouting: -100, output: -100, postrouting: 100 } as const
/** Where packets have been translated already. */
const FILTER_PRIORITY = 0
/** Right behind nat output, so that nothing else sees the number in the priority. */
const AFTER_NAT_OUTPUT = -99
const PROTOCOLS = [6, 17, 132]
const PROTOCOL_NAMES = ['tcp', 'udp', 'sctp']

/** Clients that can be remembered, and for how long when a rule does not say it (promise 70). */
const AFFINITY = { size: 1 << 20, timeoutSeconds: 10800 } as const

const { inet_proto, inet_service, classid } = DATA_TYPES

/** The sets and maps of one family. */
export interface LayoutSets {
  /** Addresses of Services: every other port of a cluster IP is refused (promise 51). */
  readonly clusterIPs: NftSet
  /** The node's addresses on which node ports are served. */
  readonly nodeIPs: NftSet
  /** Sources that are pods; empty unless the operator gave the cluster's CIDRs. */
  readonly podCIDRs: NftSet
  /** Addresses that Services can get: those that none has lead nowhere (promise 51). */
  readonly serviceCIDRs: NftSet
  /** Pairs of one local endpoint's address with itself (promise 60). */
  readonly hairpin: NftSet
  /** address . protocol . port -> pool and class. */
  readonly services: NftSet
  /** protocol . port -> pool and class. */
  readonly nodePorts: NftSet
  /** pool . slot -> address . port of an endpoint. */
  readonly endpoints: NftSet
  /** class -> what is done with a new connection. */
  readonly classes: NftSet
  /** class -> which endpoint is picked, where `classes` says that this depends on the client. */
  readonly picks: NftSet
  /** pool of this node's endpoints -> pool and class of all endpoints, for clients on this node. */
  readonly shortCircuits: NftSet
  /** class -> what is done behind the check of the source, where `classes` says that it is checked. */
  readonly allowed: NftSet
  /** address . protocol . port . range of sources that may use it. */
  readonly sourceRanges: NftSet
  /** client . pool -> the endpoint that it keeps; filled by the rules. */
  readonly affinity: NftSet
  /** class -> whether an endpoint on the host network is remembered. */
  readonly inputClasses: NftSet
  /** class -> whether it is masqueraded. */
  readonly postClasses: NftSet
}

/** The parts of a family's table that do not depend on any Service. */
export interface Layout {
  readonly table: Table
  readonly family: Family
  readonly sets: LayoutSets
  readonly chains: readonly Chain[]
  readonly rules: readonly Rule[]
  /** The rules of a chain that is there only while a class needs it, by its name: `pick-64`, `affinity-3`, `learn-10800` ... */
  readonly ownRules: (chain: string) => readonly Rule[]
}

/** How traffic of pods is told from other traffic (promise 65). */
export type PodDetector =
  /** Not at all: nothing off the cluster is masqueraded. */
  | 'none'
  /** By the source addresses in `pod-cidrs`. */
  | 'address'
  /** By the interface through which it comes; with `prefix`, by how the interface's name begins. */
  | { readonly interface: string; readonly prefix: boolean }

export interface LayoutOptions {
  readonly detector: PodDetector
  /**
   * Forward no TCP packets that conntrack cannot place: not translated back, one would make the client reset its
   * connection (promise 80, kubernetes#74839).
   */
  readonly dropInvalid: boolean
  /** The table is made so that no other process can change it. False when absent. */
  readonly isOwned?: boolean
}

export function buildLayout(family: Family, options: LayoutOptions): Layout {
  const { isOwned = false } = options
  const table: Table = { family: family === 4 ? 'ip' : 'ip6', name: TABLE_NAME, ...(isOwned ? { isOwned } : undefined) }
  const fields = familyFields(table.family)
  const sets = buildSets(fields)
  const rules = [...buildRules(fields, options), ...STANDING_PICKS.flatMap(pickRules)]
  const base: Chain[] = [
    { name: 'prerouting', base: { type: 'nat', hook: 'prerouting', priority: NAT_PRIORITY.prerouting } },
    { name: 'output', base: { type: 'nat', hook: 'output', priority: NAT_PRIORITY.output } },
    { name: 'output-reset', base: { type: 'filter', hook: 'output', priority: AFTER_NAT_OUTPUT } },
    { name: 'filter-forward', base: { type: 'filter', hook: 'forward', priority: FILTER_PRIORITY } },
    { name: 'filter-output', base: { type: 'filter', hook: 'output', priority: FILTER_PRIORITY } },
    { name: 'input', base: { type: 'nat', hook: 'input', priority: NAT_PRIORITY.postrouting } },
    { name: 'postrouting', base: { type: 'nat', hook: 'postrouting', priority: NAT_PRIORITY.postrouting } },
  ]
  const named = new Set(base.map((chain) => chain.name))
  const plain = [...new Set(rules.map((rule) => rule.chain))].filter((name) => !named.has(name))
  const chains = [...plain.map((name) => ({ name })), ...base]
  return { table, family, sets, chains, rules, ownRules: (chain) => ownRules(chain, fields, options) }
}

interface FamilyFields {
  readonly saddr: Field
  readonly daddr: Field
  readonly originalSaddr: Field
  readonly originalDaddr: Field
  readonly replySaddr: Field
}

function familyFields(family: TableFamily): FamilyFields {
  return {
    saddr: FIELDS[`${family} saddr`],
    daddr: FIELDS[`${family} daddr`],
    originalSaddr: FIELDS[`ct original ${family} saddr`],
    originalDaddr: FIELDS[`ct original ${family} daddr`],
    replySaddr: FIELDS[`ct reply ${family} saddr`],
  }
}

function buildSets({ saddr, daddr }: FamilyFields): LayoutSets {
  const address = daddr.type
  return {
    clusterIPs: { name: 'cluster-ips', key: [address] },
    nodeIPs: { name: 'node-ips', key: [address] },
    podCIDRs: { name: 'pod-cidrs', key: [address], interval: true },
    serviceCIDRs: { name: 'service-cidrs', key: [address], interval: true },
    hairpin: { name: 'hairpin', key: [address, address] },
    services: { name: 'services', key: [address, inet_proto, inet_service], data: [classid] },
    nodePorts: { name: 'node-ports', key: [inet_proto, inet_service], data: [classid] },
    endpoints: {
      name: 'endpoints',
      key: [FIELDS['meta priority'], numgenRandom(2)],
      data: [daddr, FIELDS['th dport']],
    },
    classes: { name: 'classes', key: [classid], data: 'verdict' },
    picks: { name: 'picks', key: [classid], data: 'verdict' },
    shortCircuits: { name: 'short-circuits', key: [classid], data: [classid] },
    allowed: { name: 'allowed', key: [classid], data: 'verdict' },
    sourceRanges: {
      name: 'source-ranges',
      key: [address, inet_proto, inet_service, address],
      interval: true,
    },
    affinity: {
      name: 'affinity',
      key: [saddr, FIELDS['meta priority']],
      data: [daddr, FIELDS['th dport']],
      dynamic: AFFINITY,
    },
    inputClasses: { name: 'input-classes', key: [classid], data: 'verdict' },
    postClasses: { name: 'post-classes', key: [classid], data: 'verdict' },
  }
}

function buildRules({ saddr, daddr, originalDaddr }: FamilyFields, options: LayoutOptions): Rule[] {
  const l4proto = FIELDS['meta l4proto']
  const destination = [l4proto, FIELDS['th dport']]
  const originalDestination = [l4proto, FIELDS['ct original proto-dst']]
  const rule = (chain: string, ...statements: Statement[]): Rule => ({ chain, statements })
  const onService = (chain: string) => go('goto', chain)

  /** Asks for the class again by the original destination; nft reads that back only behind a match of the protocol. */
  const afterTranslation = (hook: string, classes: string): Rule[] => [
    rule(`${hook}-dispatch`, { do: 'vmap', field: FIELDS['meta priority'], mask: CLASS_MASK, map: classes }),
    rule(`${hook}-dispatch`, setPriorityNone),
    ...PROTOCOLS.flatMap((value, i) => {
      const isProtocol: Statement = { do: 'match', field: l4proto, value }
      return [
        rule(
          `${hook}-${PROTOCOL_NAMES[i]}`,
          isProtocol,
          { do: 'set-priority-map', key: [originalDaddr, ...originalDestination], map: 'services' },
          onService(`${hook}-dispatch`),
        ),
        rule(
          `${hook}-${PROTOCOL_NAMES[i]}`,
          { do: 'lookup', key: [originalDaddr], set: 'node-ips' },
          isProtocol,
          { do: 'set-priority-map', key: originalDestination, map: 'node-ports' },
          onService(`${hook}-dispatch`),
        ),
      ]
    }),
  ]
  const byProtocol = (hook: string): Statement => ({
    do: 'vmap-anonymous',
    field: l4proto,
    entries: PROTOCOLS.map((value, i) => ({ value, verdict: { kind: 'jump', chain: `${hook}-${PROTOCOL_NAMES[i]}` } })),
  })

  const rules = [
    rule('no-endpoints', setPriorityNone, { do: 'reject' }),
    // The number is useless to others, so it is taken away before the packet is dropped, too.
    rule('drop-connection', setPriorityNone, go('drop')),
    rule('dispatch', { do: 'vmap', field: FIELDS['meta priority'], mask: CLASS_MASK, map: 'classes' }),
    rule('dispatch', go('goto', 'no-endpoints')),
    rule('services', { do: 'set-priority-map', key: [daddr, ...destination], map: 'services' }, onService('dispatch')),
    rule(
      'services',
      { do: 'lookup', key: [daddr], set: 'node-ips' },
      { do: 'set-priority-map', key: destination, map: 'node-ports' },
      onService('dispatch'),
    ),
    rule('services', { do: 'lookup', key: [daddr], set: 'cluster-ips' }, { do: 'reject' }),
    rule(
      'source-ranges',
      { do: 'lookup', key: [daddr, ...destination, saddr], set: 'source-ranges', ranges: true },
      go('goto', 'allowed'),
    ),
    rule('source-ranges', go('goto', 'drop-connection')),
    rule('allowed', { do: 'vmap', field: FIELDS['meta priority'], mask: CLASS_MASK, map: 'allowed' }),
    rule('allowed', go('goto', 'no-endpoints')),
    ...forClientsHere('short-circuit', 'all-endpoints', saddr, options),
    rule('short-circuit', go('goto', 'pick')),
    rule('all-endpoints', { do: 'remap-priority', mask: POOL_MASK, map: 'short-circuits' }, go('goto', 'pick')),
    rule('all-endpoints', go('goto', 'no-endpoints')),
    // Not `dispatch` again: to the kernel that would be a loop.
    rule('pick', { do: 'vmap', field: FIELDS['meta priority'], mask: CLASS_MASK, map: 'picks' }),
    rule('pick', go('goto', 'no-endpoints')),
    rule('prerouting', go('jump', 'services')),
    rule('output', go('jump', 'services')),
    rule('output-reset', { do: 'match', field: FIELDS['meta priority'], value: 0 }, go('return')),
    rule(
      'output-reset',
      isNew,
      { do: 'match-bits', field: FIELDS['ct status'], bits: CT_STATUS_DNAT },
      setPriorityNone,
    ),
    rule('masquerade-all', setPriorityNone, { do: 'masquerade' }),
    rule('masquerade-off-cluster', { do: 'lookup', key: [saddr, daddr], set: 'hairpin' }, go('goto', 'masquerade-all')),
    rule('masquerade-from-node', { do: 'lookup', key: [saddr, daddr], set: 'hairpin' }, go('goto', 'masquerade-all')),
    rule('masquerade-from-node', fromThisNode, go('goto', 'masquerade-all')),
    ...(options.dropInvalid ? [rule('filter-forward', ...invalidFromPods(saddr, options), go('drop'))] : []),
    rule('filter-forward', isNew, go('jump', 'unallocated')),
    rule('filter-output', isNew, go('jump', 'unallocated')),
    rule('unallocated', { do: 'lookup', key: [daddr], set: 'service-cidrs' }, go('drop')),
    ...afterTranslation('post', 'post-classes'),
    ...afterTranslation('input', 'input-classes'),
    rule('postrouting', notTranslated, go('return')),
    rule('postrouting', byProtocol('post')),
    rule('input', notTranslated, go('return')),
    rule('input', byProtocol('input')),
  ]
  const isNoPod = fromPod(saddr, options, { not: true })
  if (isNoPod) rules.push(rule('masquerade-off-cluster', isNoPod, go('goto', 'masquerade-all')))
  return rules
}

/** Sends clients on this node, its pods and itself, from one chain to another. */
function forClientsHere(chain: string, target: string, saddr: Field, options: LayoutOptions): Rule[] {
  const isPod = fromPod(saddr, options)
  const sources = isPod ? [isPod, fromThisNode] : [fromThisNode]
  return sources.map((isHere) => ({ chain, statements: [isHere, go('goto', target)] }))
}

/** Traffic of pods, or with `not` other traffic; undefined when it cannot be told. */
function fromPod(saddr: Field, { detector }: LayoutOptions, { not = false } = {}): Statement | undefined {
  if (detector === 'none') return undefined
  if (detector === 'address') return { do: 'lookup', key: [saddr], set: 'pod-cidrs', not }
  return { do: 'match-interface', name: detector.interface, prefix: detector.prefix, not }
}

/** Only endpoints' packets matter, so that nobody else's are dropped where their addresses are known. */
function invalidFromPods(saddr: Field, { detector }: LayoutOptions): Statement[] {
  const isTcp: Statement = { do: 'match', field: FIELDS['meta l4proto'], value: PROTOCOLS[0] ?? 0 }
  const isInvalid: Statement = { do: 'match-bits', field: FIELDS['ct state'], bits: CT_STATE_INVALID }
  const isPod: Statement[] = detector === 'address' ? [{ do: 'lookup', key: [saddr], set: 'pod-cidrs' }] : []
  return [isInvalid, ...isPod, isTcp]
}

/**
 * Slot counts whose chains are always there: a chain that is added later makes the kernel walk the whole `endpoints` map
 * (nf_tables_bind_set), 60 ms at 250,000 endpoints.
 */
const STANDING_PICKS = Array.from({ length: EXACT_UP_TO }, (_, index) => index + 1)

/** True when pools of this slot count need a chain that the layout does not have by itself. */
export function needsOwnPick(slots: number): boolean {
  return slots > EXACT_UP_TO
}

/** Name of the chain that serves pools of this many slots. */
export function pickChainName(slots: number): string {
  return `pick-${slots}`
}

/** Name of the chain that gives a client of such a pool the endpoint that it had, and a drawn one if it had none. */
export function affinityChainName(slots: number): string {
  return `affinity-${slots}`
}

/** Name of the chain that remembers for this long which endpoint a client got. `then` says what comes behind. */
export function learnChainName(seconds: number, then?: 'local' | 'all-endpoints' | MasqueradeClass): string {
  return then === undefined ? `learn-${seconds}` : `learn-${seconds}-${then}`
}

/** Name of the chain that masquerades so. */
export const MASQUERADE_CHAIN: { readonly [kind in MasqueradeClass]: string } = {
  always: 'masquerade-all',
  'off-cluster': 'masquerade-off-cluster',
  'from-node': 'masquerade-from-node',
}

function ownRules(chain: string, fields: FamilyFields, options: LayoutOptions): Rule[] {
  const [, kind, number = '', then] = /^(pick|affinity|learn)-(\d+)(?:-(.+))?$/.exec(chain) ?? []
  if (kind === 'pick') return pickRules(Number(number))
  if (kind === 'affinity') return affinityRules(Number(number), fields)
  if (kind === 'learn') return learnRules(chain, Number(number), then, fields, options)
  throw new TypeError(`no chain is called ${chain}`)
}

function affinityRules(slots: number, { saddr }: FamilyFields): Rule[] {
  const chain = affinityChainName(slots)
  return [
    {
      chain,
      statements: [
        isServedProtocol,
        { do: 'mask-priority', mask: POOL_MASK },
        { do: 'dnat-map', key: [saddr, FIELDS['meta priority']], map: 'affinity' },
      ],
    },
    { chain, statements: [go('goto', pickChainName(slots))] },
  ]
}

function learnRules(
  chain: string,
  seconds: number,
  then: string | undefined,
  { saddr, originalSaddr, replySaddr }: FamilyFields,
  options: LayoutOptions,
): Rule[] {
  const learn = learnChainName(seconds)
  const rule = (...statements: Statement[]): Rule => ({ chain, statements })
  if (then === undefined) {
    const remember: Statement = {
      do: 'update',
      map: 'affinity',
      key: [originalSaddr, FIELDS['meta priority']],
      data: [replySaddr, FIELDS['ct reply proto-src']],
      timeoutSeconds: seconds,
    }
    const byProtocol = PROTOCOLS.map((value) => rule({ do: 'match', field: FIELDS['meta l4proto'], value }, remember))
    return [rule({ do: 'mask-priority', mask: POOL_MASK }), ...byProtocol]
  }
  if (then === 'all-endpoints') {
    return [rule({ do: 'remap-priority', mask: POOL_MASK, map: 'short-circuits' }, go('goto', learn))]
  }
  if (then === 'local') {
    // Clients on this node were short-circuited: what they got belongs to the pool of all endpoints.
    const all = learnChainName(seconds, 'all-endpoints')
    return [...forClientsHere(chain, all, saddr, options), rule(go('goto', learn))]
  }
  const first = then === 'from-node' ? learnChainName(seconds, 'local') : learn
  return [rule(go('jump', first)), rule(go('goto', MASQUERADE_CHAIN[then as MasqueradeClass]))]
}

/** The rules of a pick chain: draw a slot of the pool at random, and send the connection to its endpoint. */
function pickRules(slots: number): Rule[] {
  const chain = pickChainName(slots)
  const draw = (modulus: number): Statement => ({
    do: 'dnat-map',
    key: [FIELDS['meta priority'], numgenRandom(modulus)],
    map: 'endpoints',
  })
  const rules: Rule[] = [
    { chain, statements: [isServedProtocol, { do: 'mask-priority', mask: POOL_MASK }, draw(slots)] },
  ]
  if (!isExact(slots)) {
    for (let i = 1; i < DRAWS; i++) rules.push({ chain, statements: [isServedProtocol, draw(slots)] })
    rules.push({ chain, statements: [isServedProtocol, draw(fallbackSlots(slots))] })
  }
  rules.push({ chain, statements: [go('goto', 'no-endpoints')] })
  return rules
}

/** nft wants to see the protocol before a port is translated. */
const isServedProtocol: Statement = { do: 'one-of', field: FIELDS['meta l4proto'], values: PROTOCOLS }

const isNew: Statement = { do: 'match-bits', field: FIELDS['ct state'], bits: CT_STATE_NEW }

const notTranslated: Statement = {
  do: 'match-bits',
  field: FIELDS['ct status'],
  bits: CT_STATUS_DNAT,
  not: true,
}

const fromThisNode: Statement = { do: 'match', field: FIELDS['fib saddr type'], value: RTN_LOCAL }

const setPriorityNone: Statement = { do: 'set-priority-none' }

function go(kind: 'jump' | 'goto', chain: string): Statement
function go(kind: 'accept' | 'drop' | 'return'): Statement
function go(kind: Verdict['kind'], chain?: string): Statement {
  return { do: 'verdict', verdict: chain === undefined ? { kind } : { kind, chain } } as Statement
}
