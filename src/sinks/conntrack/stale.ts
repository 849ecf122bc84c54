import { IPPROTO_UDP } from '../../kernel/conntrack/constants.ts'
import type { Flow } from '../../kernel/conntrack/flow.ts'
import { endpointKey, type UdpDestinations } from './destinations.ts'

/**
 * True when a flow goes where no new one would: its destination is a UDP destination of a Service, and who answers is not one
 * of the endpoints that serve it (promises 74 and 75). That covers flows which began before there was a rule for them, whose
 * packets the destination itself would have to answer. A destination that was given up has no endpoints; flows which were
 * sent on from there are stale, and others were never ours (promise 77). The source of the answer is the endpoint also where
 * the flow is masqueraded, which changes the answer's destination.
 *
 * TCP and SCTP end by themselves and are never stale (promise 76); zones other than 0 belong to somebody else's rules.
 */
export function isStale(flow: Flow, udp: UdpDestinations): boolean {
  if (flow.protocol !== IPPROTO_UDP || flow.zone !== 0) return false
  const { destination, destinationPort, replySource, replySourcePort } = flow
  const serving =
    udp.addresses.get(destination, destinationPort) ??
    (udp.nodeAddresses.has(destination) ? udp.nodePorts.get(destinationPort) : undefined)
  if (serving !== undefined) return !serving.has(endpointKey(replySource, replySourcePort))
  if (udp.gone.get(destination, destinationPort) === undefined) return false
  return replySource !== destination || replySourcePort !== destinationPort
}
