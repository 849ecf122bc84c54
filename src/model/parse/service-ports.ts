import type { ServicePort, ServiceType } from '../service.ts'
import type { Fields } from './fields.ts'
import { readPortNumber, readProtocol } from './protocol.ts'
import type { Report } from './report.ts'

/**
 * Reads Service.spec.ports. A bad port is left out with a warning; a bad node or target port is only ignored, since the
 * port's cluster address works without it.
 */
export function readServicePorts(spec: Fields, type: ServiceType, report: Report): ServicePort[] {
  const ports: ServicePort[] = []
  const taken: Taken = { names: new Set(), ports: new Set(), nodePorts: new Set() }
  for (const fields of spec.maps('ports')) {
    const port = readServicePort(fields, type, taken, report)
    if (port === undefined) continue
    taken.names.add(port.name)
    taken.ports.add(`${port.port}/${port.protocol}`)
    if (port.nodePort > 0) taken.nodePorts.add(`${port.nodePort}/${port.protocol}`)
    ports.push(port)
  }
  return ports
}

/** What the ports before have: nothing may be there twice. */
interface Taken {
  readonly names: Set<string>
  /** `NUMBER/PROTOCOL`. */
  readonly ports: Set<string>
  /** `NUMBER/PROTOCOL`. */
  readonly nodePorts: Set<string>
}

function readServicePort(fields: Fields, type: ServiceType, taken: Taken, report: Report): ServicePort | undefined {
  const problems = report.count
  const name = fields.name('name', 63)
  if (report.count > problems) return undefined
  const protocol = readProtocol(fields)
  const port = readPortNumber(fields, 'port')
  if (protocol === undefined || port === undefined) return undefined
  if (taken.names.has(name)) return fields.warn('name', 'a name that no other port of the Service has')
  if (taken.ports.has(`${port}/${protocol}`)) {
    return fields.warn('port', `a port that no other ${protocol} port of the Service has`)
  }
  const nodePort = readNodePort(fields, type)
  if (taken.nodePorts.has(`${nodePort}/${protocol}`)) {
    fields.warn('nodePort', `a node port that no other ${protocol} port of the Service has`)
    return { name, protocol, port, nodePort: 0, targetPort: readTargetPort(fields) }
  }
  return { name, protocol, port, nodePort, targetPort: readTargetPort(fields) }
}

/** Only NodePort and LoadBalancer Services have node ports; the API server would clear or refuse others. */
function readNodePort(fields: Fields, type: ServiceType): number {
  const nodePort = fields.integer('nodePort', 0, 65535) ?? 0
  if (nodePort === 0 || type === 'NodePort' || type === 'LoadBalancer') return nodePort
  fields.warn('nodePort', `none in a Service of type ${type}`)
  return 0
}

function readTargetPort(fields: Fields): number | string | undefined {
  const target = fields.raw('targetPort')
  if (target === undefined || target === 0 || target === '') return undefined
  if (typeof target === 'number') return fields.integer('targetPort', 1, 65535)
  const name = fields.name('targetPort', 63)
  return name === '' ? undefined : name
}
