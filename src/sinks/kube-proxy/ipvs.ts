import { IpsetConnection } from '../../kernel/ipset/connection.ts'
import { IpvsConnection, type IpvsService } from '../../kernel/ipvs/connection.ts'
import { RouteConnection } from '../../kernel/route/addresses.ts'
import { ipFromBytes } from '../../model/ip.ts'
import { IPSETS, IPVS_INTERFACE, ipv6SetName, NODE_PORT_SETS } from './names.ts'
import { type CleanupReport, counted } from './report.ts'

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
    const isOurs = attribution(index, route, ipset)
    const [mine, others] = partition(ipvs.services(), isOurs)
    for (const service of mine) ipvs.deleteService(service)
    if (mine.length > 0) report.removed.push(`${counted(mine.length, 'virtual server')} of IPVS`)
    for (const service of others) {
      report.left.push(`virtual server ${serviceText(service)} of IPVS: it cannot be told whose it is; see ipvsadm -ln`)
    }
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

/**
 * Tells whether a virtual server is kube-proxy's: its address is on kube-proxy's interface, or it is a node port, which is
 * an address that the node has elsewhere with a port in kube-proxy's IP sets of node ports.
 */
function attribution(
  index: number,
  route: IpvsDoors['route'],
  ipset: IpvsDoors['ipset'],
): (service: IpvsService) => boolean {
  const [onInterface, elsewhere] = partition(route.addresses(), ({ interfaceIndex }) => interfaceIndex === index).map(
    (addresses) => new Set(addresses.map(({ address }) => address.toString('hex'))),
  )
  const nodePorts = nodePortsOf(ipset)
  return (service) => {
    if (service.kind === 'mark') return false
    const address = service.address.toString('hex')
    if (onInterface?.has(address)) return true
    return elsewhere?.has(address) === true && nodePorts.has(portKey(service.address.length, service))
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

function partition<T>(items: readonly T[], test: (item: T) => boolean): [T[], T[]] {
  const [yes, no]: [T[], T[]] = [[], []]
  for (const item of items) (test(item) ? yes : no).push(item)
  return [yes, no]
}

function serviceText(service: IpvsService): string {
  if (service.kind === 'mark') return `of mark ${service.mark}`
  return `${ipFromBytes(service.address)} port ${service.port} protocol ${service.protocol}`
}
