import { type Cidr, parseCidr } from '../model/ip.ts'
import { UsageError } from './failure.ts'

export const DETECT_LOCAL_MODES = ['ClusterCIDR', 'NodeCIDR', 'BridgeInterface', 'InterfaceNamePrefix'] as const

export type DetectLocalMode = (typeof DETECT_LOCAL_MODES)[number]

/** How traffic of pods on this node is told from other traffic (promise 65, KubeProxyConfiguration.detectLocalMode). */
export type DetectLocal =
  /** By these addresses; where a family has none, its pods are not told. */
  | { readonly mode: 'ClusterCIDR'; readonly cidrs: readonly Cidr[] }
  /** By spec.podCIDRs of the node's object. */
  | { readonly mode: 'NodeCIDR' }
  /** By the interface, or with `prefix` by how the interface's name begins. */
  | { readonly mode: 'BridgeInterface' | 'InterfaceNamePrefix'; readonly interface: string; readonly prefix: boolean }

/** The options that matter here, as they were given. */
interface RawDetectLocal {
  readonly detectLocalMode?: DetectLocalMode
  readonly clusterCidr?: readonly string[]
  readonly clusterCidrs?: readonly string[]
  readonly podBridgeInterface?: string
  readonly podInterfaceNamePrefix?: string
}

/** @throws UsageError */
export function detectLocal(raw: RawDetectLocal): DetectLocal {
  const cidrs = [...(raw.clusterCidr ?? []), ...(raw.clusterCidrs ?? [])].map(clusterCIDR)
  const mode = raw.detectLocalMode ?? 'ClusterCIDR'
  switch (mode) {
    case 'ClusterCIDR':
      return { mode, cidrs }
    case 'NodeCIDR':
      return { mode }
    case 'BridgeInterface':
      return { mode, interface: interfaceName('--pod-bridge-interface', raw.podBridgeInterface, mode), prefix: false }
    case 'InterfaceNamePrefix': {
      const prefix = interfaceName('--pod-interface-name-prefix', raw.podInterfaceNamePrefix, mode)
      return { mode, interface: prefix, prefix: true }
    }
  }
}

/** 15 characters at most, as the kernel has it (IFNAMSIZ), and none that it or nft forbids. */
function interfaceName(flag: string, name: string | undefined, mode: DetectLocalMode): string {
  if (name === undefined) throw new UsageError(`${flag}: must be given, since --detect-local-mode is ${mode}`)
  if (!/^[^\s/"*\\:]{1,15}$/.test(name)) throw new UsageError(`${flag}: "${name}" cannot be the name of an interface`)
  return name
}

function clusterCIDR(text: string): Cidr {
  const cidr = parseCidr(text)
  if (cidr === undefined) throw new UsageError(`--cluster-cidr: "${text}" must be a CIDR such as 10.244.0.0/16`)
  return cidr
}
