import { DATA_TYPES } from '../../src/kernel/nftables/datatype.ts'
import { FIELDS, numgenRandom } from '../../src/kernel/nftables/field.ts'
import type { Element, NftSet } from '../../src/kernel/nftables/types.ts'
import { destinationBytes, endpointBytes, numberBytes, slotBytes } from '../../src/sinks/nft/elements.ts'
import { servicePortName, type VirtualServer } from '../../src/virtual-server/virtual-server.ts'
import { DRAFT_SLOTS, DraftCandidate } from './candidate.ts'

const { ipv4_addr, inet_proto, inet_service, classid } = DATA_TYPES
const SERVICES: NftSet = { name: 'services', key: [ipv4_addr, inet_proto, inet_service], data: [classid] }
const ENDPOINTS: NftSet = {
  name: 'ep',
  key: [FIELDS['meta priority'], numgenRandom(2)],
  data: [FIELDS['ip daddr'], FIELDS['th dport']],
}
const POOL_SHIFT = 16
const PROTOCOLS = ['tcp', 'udp', 'sctp']
const counts = Array.from({ length: DRAFT_SLOTS }, (_, i) => i + 1)
const hex = (n: number) => n.toString(16).padStart(2, '0')

/** A Service is only data: 16 bits of pool, 16 bits of treatment, each bit with a meaning of its own. */
export class DataOnly extends DraftCandidate {
  override readonly name = 'data only, 16/16 bit fields'
  override readonly table = { family: 'ip', name: 'bitfields' } as const
  protected override readonly frontEnds = SERVICES
  protected override readonly endpoints = ENDPOINTS
  readonly #pools = new Map<string, number>()

  override async structure(): Promise<string> {
    const strip = 'meta l4proto { tcp, udp, sctp } meta priority set meta priority & 0xffff0000'
    const picks = counts.map(
      (n) => `
  chain pick-${n} { ${strip} dnat to meta priority . numgen random mod ${n} map @ep; }
  chain hash-${n} { ${strip} dnat to meta priority . jhash ip saddr mod ${n} seed 0x5eed map @ep; }
  chain aff-${n} { ${strip} dnat to ip saddr . meta priority map @aff; goto pick-${n}; }`,
    )
    const classes = counts.map(
      (n) => `0:00${hex(n)} : goto pick-${n}, 0:02${hex(n)} : goto hash-${n}, 0:01${hex(n)} : goto aff-${n}`,
    )
    const learn = PROTOCOLS.map(
      (protocol) =>
        `meta l4proto ${protocol} update @aff { ct original ip saddr . meta priority timeout 10800s : ct reply ip saddr . ct reply proto-src };`,
    )
    const look = (to: string) =>
      [
        'ct original ip daddr . meta l4proto . ct original proto-dst map @services',
        'meta l4proto . ct original proto-dst map @nodeports',
      ]
        .flatMap((key) =>
          PROTOCOLS.map((protocol) => `    meta l4proto ${protocol} meta priority set ${key} goto ${to}`),
        )
        .join('\n')
    return `table ip bitfields {
  set clustercidr { type ipv4_addr; flags interval; elements = { 10.128.0.0/9 } }
  set clusterips { type ipv4_addr; }
  set hairpin { type ipv4_addr . ipv4_addr; }
  set fwallow { type ipv4_addr . inet_proto . inet_service . ipv4_addr; flags interval; }
  map services { type ipv4_addr . inet_proto . inet_service : classid; }
  map nodeports { type inet_proto . inet_service : classid; }
  map internal { type classid : classid; }
  map ep { typeof meta priority . numgen random mod 2 : ip daddr . th dport; }
  map aff { typeof ip saddr . meta priority : ip daddr . th dport; flags dynamic,timeout; size 1048576; timeout 3h; }
  chain do-reject { meta priority set none reject; }
  chain do-drop { drop; }${picks.join('')}
  map class { type classid : verdict; elements = { 0:00f0 : goto do-reject, 0:00f1 : goto do-drop, ${classes.join(', ')} } }
  chain internal { meta priority set meta priority & 0xffff0000 map @internal meta priority & 0xf3ff vmap @class; drop; }
  chain etp { ip saddr @clustercidr goto internal; fib saddr type local goto internal; meta priority & 0xe3ff vmap @class; drop; }
  chain fw { ip daddr . meta l4proto . th dport . ip saddr @fwallow goto class2; drop; }
  chain class2 { meta priority & 0xebff vmap @class; goto etp; }
  chain class { meta priority & 0xfbff vmap @class; meta priority & 0x1000 == 0x1000 goto fw; goto etp; }
  chain services {
    meta priority set ip daddr . meta l4proto . th dport map @services goto class
    fib daddr type local meta priority set meta l4proto . th dport map @nodeports goto class
    ip daddr @clusterips reject
  }
  chain prerouting { type nat hook prerouting priority dstnat; policy accept; jump services; }
  chain output { type nat hook output priority -100; policy accept; jump services; }
  chain masq { meta priority set none masquerade fully-random; }
  chain post-cluster { ip saddr . ip daddr @hairpin goto masq; ip saddr != @clustercidr goto masq; }
  chain post-local { ip saddr . ip daddr @hairpin goto masq; fib saddr type local goto masq; }
  chain post-int { meta priority set meta priority & 0xffff0000 map @internal; }
  chain learn-10800 { meta priority set meta priority & 0xffff0000; ${learn.join(' ')} }
  chain learncluster-10800 { jump learn-10800; goto post-cluster; }
  chain learnmasq-10800 { jump learn-10800; goto masq; }
  chain learnlocal-10800 { ip saddr @clustercidr jump post-int; fib saddr type local jump post-int; jump learn-10800; goto post-local; }
  map post-class { type classid : verdict; elements = { none : goto post-cluster, 0:0400 : goto masq, 0:0800 : goto post-local, 0:0100 : goto learncluster-10800, 0:0500 : goto learnmasq-10800, 0:0900 : goto learnlocal-10800 } }
  chain post-class { meta priority & 0x6d00 vmap @post-class; }
  chain posts {
${look('post-class')}
  }
  chain postrouting { type nat hook postrouting priority srcnat; policy accept; ct status & dnat == 0 return; jump posts; meta priority set none; }
  chain input { type nat hook input priority 100; policy accept; ct status & dnat == 0 return; jump posts-in; meta priority set none; }
  chain posts-in {
${look('in-class')}
  }
  map in-class { type classid : verdict; elements = { 0:0100 : goto learn-10800, 0:0900 : goto inlocal-10800 } }
  chain in-class { meta priority & 0x6900 vmap @in-class; }
  chain inlocal-10800 { ip saddr @clustercidr jump post-int; fib saddr type local jump post-int; goto learn-10800; }
}`
  }

  protected override frontEnd(server: VirtualServer): Element {
    const value = this.#pool(server) | server.pool.endpoints.length
    return { key: destinationBytes(server), data: numberBytes(value), comment: servicePortName(server) }
  }

  protected override slot(server: VirtualServer, slot: number): Element {
    const endpoint = server.pool.endpoints[slot]
    if (endpoint === undefined) throw new RangeError(`no slot ${slot}`)
    return { key: slotBytes(this.#pool(server), slot), data: endpointBytes(endpoint) }
  }

  #pool({ pool }: VirtualServer): number {
    const id = this.#pools.get(pool.key) ?? this.#pools.size + 1
    this.#pools.set(pool.key, id)
    return id << POOL_SHIFT
  }
}
