import type { Family } from '../../src/model/ip.ts'
import type { BenchNetns } from '../support/netns.ts'
import { emptyNat } from './lab.ts'
import { KubeProxyIptables } from './layouts/kube-proxy-iptables.ts'
import { KubeProxyNftables } from './layouts/kube-proxy-nftables.ts'
import { Nfproxy } from './layouts/nfproxy.ts'
import { NftlbPeer } from './nftlb-peer.ts'
import type { Peer } from './peer.ts'
import { SluicePeer } from './sluice-peer.ts'
import { TextPeer } from './text-peer.ts'

interface NamedPeer {
  readonly name: string
  readonly make: (name: string, node: BenchNetns, family: Family) => Peer
}

/** Everybody who programs a node, in the order of the report. */
export const PEERS: readonly NamedPeer[] = [
  { name: 'Sluice', make: (name, node) => new SluicePeer(name, node) },
  {
    name: "kube-proxy's nftables layout",
    make: (name, node, family) => new TextPeer(name, node, new KubeProxyNftables(family)),
  },
  {
    name: "kube-proxy's iptables layout",
    make: (name, node, family) => new TextPeer(name, node, new KubeProxyIptables(family)),
  },
  { name: "nfproxy's layout", make: (name, node, family) => new TextPeer(name, node, new Nfproxy(family)) },
  { name: 'nftlb', make: (name, node) => new NftlbPeer(name, node) },
]

interface Floor {
  readonly name: string
  readonly rules: (family: Family) => string
}

/** Nodes that translate nothing: the client connects to an endpoint itself. */
export const FLOORS: readonly Floor[] = [
  { name: 'no rules', rules: () => '' },
  { name: 'empty nat chains', rules: emptyNat },
]
