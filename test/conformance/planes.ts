import type { LabNode } from '../lab/index.ts'
import { Instance } from '../sluice/instance.ts'
import type { Env } from './format/env.ts'

/** A data plane that the cases can be run on. */
export interface Plane {
  readonly name: string
  /** kube-proxy's names of it, as `env.mode` of a case has them. */
  readonly modes: readonly string[]
  /** Arguments that an environment stands for. */
  readonly arguments: (env: Env) => string[]
  /** Starts Sluice on a node. */
  readonly start: (node: LabNode, options: StartOptions) => Promise<Instance>
}

export interface StartOptions {
  /** The source and its options, as Sluice's first words. */
  readonly source: readonly string[]
  readonly args: readonly string[]
  /** Of an instance that ended; a new one when undefined. */
  readonly runDirectory: string | undefined
}

/** Arguments of every plane, from what a case says of its node. */
function nodeArguments(env: Env): string[] {
  const { nodePortAddresses, detectLocal, masqueradeAll, masqueradeBit } = env
  return [
    ...['--node-name', env.nodeName],
    ...(detectLocal === undefined ? [] : detectorArguments(detectLocal)),
    ...(nodePortAddresses.length === 0 ? [] : ['--nodeport-addresses', nodePortAddresses.join(',')]),
    ...(masqueradeAll ? ['--masquerade-all'] : []),
    ...(masqueradeBit === undefined ? [] : ['--masquerade-bit', String(masqueradeBit)]),
  ]
}

/** By interface is kube-proxy's way, with its flag: Sluice says so where it does not have it. */
function detectorArguments({ mode, podCIDRs }: NonNullable<Env['detectLocal']>): string[] {
  return podCIDRs.length > 0 ? ['--cluster-cidr', podCIDRs.join(',')] : ['--detect-local-mode', mode]
}

/** The planes that there are, by the name that `--plane` takes. */
export const PLANES: Readonly<Record<string, Plane>> = {
  nft: {
    name: 'nft',
    modes: ['nftables'],
    arguments: nodeArguments,
    start: (node, { runDirectory, ...options }) =>
      Instance.start(node, runDirectory === undefined ? options : { ...options, runDirectory }),
  },
}
