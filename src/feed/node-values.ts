import { encode } from '../model/wire/encode.ts'
import type { Hash } from '../model/wire/hash.ts'
import { IP_RANGES, NODE, NODE_INFO, SERVICE_CIDR_INFO } from '../model/wire/messages.ts'
import { SERVICE_CIDRS_PATH, SET } from '../model/wire/sets.ts'
import { nodeMessage, rangesMessage } from '../model/wire/write-node.ts'
import { type RenderedValue, renderValue } from './rendering.ts'
import type { AllRangesVersion, ClusterVersion, NodeVersion, RangesVersion } from './versions.ts'

/** A node as a client of the local API is told of its own. */
export function ownNodeValue({ node }: NodeVersion): RenderedValue | undefined {
  return remembered(OWN_NODES, node, () => renderValue(SET.nodes, node.name, encode(NODE, nodeMessage(node))))
}

/** The ranges as a client of the local API is told of them. */
export function allRangesValue({ cidrs }: AllRangesVersion): RenderedValue | undefined {
  return renderValue(SET.serviceCIDRs, SERVICE_CIDRS_PATH, encode(IP_RANGES, rangesMessage(cidrs)))
}

/** A node as a client of the global API is told of it. */
export function globalNodeValue({ node }: NodeVersion, hash: Hash): RenderedValue | undefined {
  return remembered(GLOBAL_NODES, node, () => {
    const message = nodeMessage(node)
    const info = { hash: hash(encode(NODE, message)), node: message }
    return renderValue(SET.globalNodes, `|${node.name}||`, encode(NODE_INFO, info))
  })
}

/** A ServiceCIDR as a client of the global API is told of it. */
export function globalRangesValue({ object: { name, cidrs } }: RangesVersion): RenderedValue | undefined {
  const info = { name, ranges: rangesMessage(cidrs) }
  return renderValue(SET.globalServiceCIDRs, `|${name}||`, encode(SERVICE_CIDR_INFO, info))
}

export function isNode(version: ClusterVersion | undefined): version is NodeVersion {
  return version?.kind === 'node'
}

/** By the object, which is another one when anything about it changed: many streams are told the same. */
const OWN_NODES = new WeakMap<object, RenderedValue | undefined>()
const GLOBAL_NODES = new WeakMap<object, RenderedValue | undefined>()

function remembered(
  values: WeakMap<object, RenderedValue | undefined>,
  object: object,
  render: () => RenderedValue | undefined,
): RenderedValue | undefined {
  if (!values.has(object)) values.set(object, render())
  return values.get(object)
}
