import { IpsetConnection } from '../../kernel/ipset/connection.ts'
import { IpvsConnection, type IpvsService } from '../../kernel/ipvs/connection.ts'
import { RouteConnection } from '../../kernel/route/addresses.ts'
import { ipFromBytes } from '../../model/ip.ts'
import { IPSETS, IPVS_INTERFACE, ipv6SetName, NODE_PORT_SETS } from './names.ts'
import { type CleanupReport, counted } from './report.ts'

const UNKNOWN_OWNER =
  'it cannot be told whose it is; see ipvsadm -ln, and delete it with ipvsadm -D when it is unwanted'

/** What is needed of the kernel; `ipvs` is undefined when it has no IPVS. */
export interface IpvsDoors {
  readonly route: Pick<RouteConnection, 'addresses' | 'linkIndex' | 'deleteLink' | 'close'>
  readonly ipvs: Pick<IpvsConnection, 'services' | 'deleteService' | 'close'> | undefined
  readonly ipset: Pick<IpsetConnection, 'names' | 'ports' | 'destroy' | 'close'>
}

/** @throws NetlinkError */
export function openIpvsDoors(): IpvsDoors {
  return { route: new RouteConnection(), ipvs: IpvsConnection.open(), ipset: new IpsetConnection() }
}

/**
 * Removes the virtual servers of kube-proxy's ipvs mode and then its interface, without which they cannot be told from
 * those of others.
 *
 * @throws NetlinkError; what was removed before stays so.
 */
export function cleanupIpvs({ route, ipvs, ipset }: IpvsDoors, report: CleanupReport): void {
  const index = route.linkIndex(IPVS_INTERFACE)
  if (index === undefined) return
  if (ipvs !== undefined) {
    const whose = attribution(index, route, ipset)
    let count = 0
    for (const service of ipvs.services()) {
      const owner = whose(service)
      if (owner === 'unknown') report.left.push(`virtual server ${serviceText(service)} of IPVS: ${UNKNOWN_OWNER}`)
      if (owner !== 'kube-proxy') continue
      ipvs.deleteService(service)
      count++
    }
    if (count > 0) report.removed.push(`${counted(count, 'virtual server')} of IPVS`)
  }
  route.deleteLink(index)
  report.removed.push(`interface ${IPVS_INTERFACE}`)
}

/**
 * Destroys the ipvs mode's IP sets; to be called when the rules that refer to them are gone.
 *
 * @throws NetlinkError when they cannot be listed; a set that cannot be destroyed is reported.
 */
export function cleanupIpsets(ipset: IpvsDoors['ipset'], report: CleanupReport): void {
  let count = 0
  for (const name of ipset.names()) {
    if (!IPSETS.has(name)) continue
    try {
      ipset.destroy(name)
      count++
    } catch (error) {
      report.left.push(`IP set ${name}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  if (count > 0) report.removed.push(counted(count, 'IP set'))
}

type Owner = 'kube-proxy' | 'other' | 'unknown'

/**
 * Tells whose a virtual server is. kube-proxy's have their address on its interface, or are node ports, which are an
 * address that the node has elsewhere with a port in kube-proxy's IP sets of node ports. With another port it may be
 * anybody's; all other addresses, and marks, are not kube-proxy's.
 */
function attribution(
  index: number,
  route: IpvsDoors['route'],
  ipset: IpvsDoors['ipset'],
): (service: IpvsService) => Owner {
  const onInterface = new Set<string>()
  const elsewhere = new Set<string>()
  for (const { address, interfaceIndex } of route.addresses()) {
    const where = interfaceIndex === index ? onInterface : elsewhere
    where.add(address.toString('hex'))
  }
  const nodePorts = nodePortsOf(ipset)
  return (service) => {
    if (service.kind === 'mark') return 'other'
    const address = service.address.toString('hex')
    if (onInterface.has(address)) return 'kube-proxy'
    if (!elsewhere.has(address)) return 'other'
    return nodePorts.has(portKey(service.address.length, service)) ? 'kube-proxy' : 'unknown'
  }
}

function nodePortsOf(ipset: IpvsDoors['ipset']): Set<string> {
  const names = new Set(ipset.names())
  const found = new Set<string>()
  for (const { protocol, name } of NODE_PORT_SETS) {
    for (const [bytes, set] of [[4, name] as const, [16, ipv6SetName(name)] as const]) {
      if (!names.has(set)) continue
      for (const port of ipset.ports(set)) found.add(portKey(bytes, { protocol, port }))
    }
  }
  return found
}

function portKey(addressBytes: number, { protocol, port }: { protocol: number; port: number }): string {
  return `${addressBytes} ${protocol} ${port}`
}

function serviceText(service: IpvsService): string {
  if (service.kind === 'mark') return `of mark ${service.mark}`
  return `${ipFromBytes(service.address)} port ${service.port} protocol ${service.protocol}`
}
