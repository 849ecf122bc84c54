import { DATA_TYPES } from '../../src/kernel/nftables/datatype.ts'
import { FIELDS, numgenRandom } from '../../src/kernel/nftables/field.ts'
import type { Element, NftSet } from '../../src/kernel/nftables/types.ts'
import { destinationBytes, endpointBytes, numberBytes } from '../../src/sinks/nft/elements.ts'
import { servicePortName, type VirtualServer } from '../../src/virtual-server/virtual-server.ts'
import { DRAFT_SLOTS, DraftCandidate } from './candidate.ts'

const { ipv4_addr, inet_proto, inet_service } = DATA_TYPES
const FRONT_ENDS: NftSet = { name: 'fe', key: [ipv4_addr, inet_proto, inet_service], data: 'verdict' }
const ENDPOINTS: NftSet = {
  name: 'ep',
  key: [FIELDS['ip daddr'], FIELDS['meta l4proto'], FIELDS['th dport'], numgenRandom(2)],
  data: [FIELDS['ip daddr'], FIELDS['th dport']],
}
const KEY = 'ip daddr . meta l4proto . th dport'
const ORIGINAL = 'ct original ip daddr . meta l4proto . ct original proto-dst'
const PROTOCOLS = ['tcp', 'udp', 'sctp']
const counts = Array.from({ length: DRAFT_SLOTS }, (_, i) => i + 1)

/** The earlier draft: the front end's element is a verdict, and pools are keyed by the front end. */
export class Draft extends DraftCandidate {
  override readonly name = 'verdict map, pools by address'
  override readonly table = { family: 'ip', name: 'draft' } as const
  protected override readonly frontEnds = FRONT_ENDS
  protected override readonly endpoints = ENDPOINTS

  override async structure(): Promise<string> {
    const picks = counts.map(
      (n) => `
  chain pick-${n} { dnat to ${KEY} . numgen random mod ${n} map @ep; }
  chain pickint-${n} { dnat to ${KEY} . numgen random mod ${n} offset 65536 map @ep; }
  chain hash-${n} { dnat to ${KEY} . jhash ip saddr mod ${n} seed 0x5eed map @ep; }
  chain aff-${n} { dnat to ip saddr . ${KEY} map @aff; goto pick-${n}; }
  chain affint-${n} { dnat to ip saddr . ${KEY} map @aff; goto pickint-${n}; }`,
    )
    const learn = PROTOCOLS.map(
      (protocol) =>
        `meta l4proto ${protocol} update @aff { ct original ip saddr . ${ORIGINAL} timeout 10800s : ip daddr . th dport };`,
    )
    const posts = PROTOCOLS.map(
      (protocol) => `
  chain post-${protocol} { meta l4proto ${protocol} ${ORIGINAL} vmap @post; }
  chain postin-${protocol} { meta l4proto ${protocol} ${ORIGINAL} vmap @post-in; }`,
    )
    const jumps = (to: string) => PROTOCOLS.map((protocol) => `${protocol} : jump ${to}-${protocol}`).join(', ')
    return `table ip draft {
  set clustercidr { type ipv4_addr; flags interval; elements = { 10.128.0.0/9 } }
  set clusterips { type ipv4_addr; }
  set hairpin { type ipv4_addr . ipv4_addr; }
  map fe { type ipv4_addr . inet_proto . inet_service : verdict; }
  map fe-ext { type ipv4_addr . inet_proto . inet_service : verdict; }
  map fe-int { type ipv4_addr . inet_proto . inet_service : verdict; }
  map fe-fw { type ipv4_addr . inet_proto . inet_service : verdict; }
  map ep { typeof ${KEY} . numgen random mod 2 : ip daddr . th dport; }
  map aff { typeof ip saddr . ${KEY} : ip daddr . th dport; flags dynamic, timeout; size 1048576; timeout 3h; }
  map post { type ipv4_addr . inet_proto . inet_service : verdict; }
  map post-in { type ipv4_addr . inet_proto . inet_service : verdict; }
  set fwallow { type ipv4_addr . inet_proto . inet_service . ipv4_addr; flags interval; }
  chain do-reject { reject; }
  chain do-drop { drop; }${picks.join('')}
  chain etp { ip saddr @clustercidr ${KEY} vmap @fe-int; fib saddr type local ${KEY} vmap @fe-int; ${KEY} vmap @fe-ext; drop; }
  chain fw { ${KEY} . ip saddr @fwallow ${KEY} vmap @fe-fw; drop; }
  chain masq { masquerade fully-random; }
  chain masq-local { fib saddr type local masquerade fully-random; }
  chain learn-10800 { ${learn.join(' ')} }
  chain learnmasq-10800 { jump learn-10800; goto masq; }${posts.join('')}
  chain services { ${KEY} vmap @fe; ip daddr @clusterips reject; }
  chain posts { meta l4proto vmap { ${jumps('post')} }; }
  chain prerouting { type nat hook prerouting priority dstnat; policy accept; jump services; }
  chain output { type nat hook output priority -100; policy accept; jump services; }
  chain postrouting { type nat hook postrouting priority srcnat; policy accept;
    ct status & dnat == 0 return
    jump posts
    ip saddr . ip daddr @hairpin masquerade fully-random
    ip saddr != @clustercidr ct original ip daddr @clusterips masquerade fully-random
  }
  chain input { type nat hook input priority 100; policy accept; ct status & dnat == 0 return; meta l4proto vmap { ${jumps('postin')} }; }
}`
  }

  protected override frontEnd(server: VirtualServer): Element {
    const chain = `pick-${server.pool.endpoints.length}`
    return { key: destinationBytes(server), data: { kind: 'goto', chain }, comment: servicePortName(server) }
  }

  protected override slot(server: VirtualServer, slot: number): Element {
    const endpoint = server.pool.endpoints[slot]
    if (endpoint === undefined) throw new RangeError(`no slot ${slot}`)
    return { key: Buffer.concat([destinationBytes(server), numberBytes(slot)]), data: endpointBytes(endpoint) }
  }
}
