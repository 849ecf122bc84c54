import type { LocalService } from '../local.ts'
import type { Contents, Message } from './message.ts'
import { ENDPOINT, SERVICE } from './messages.ts'
import { localEndpointMessage, mergePorts } from './write-endpoint.ts'
import { serviceMessage } from './write-service.ts'

/** A Service with its endpoints as KPNG's `kpng-json` prints it; what Sluice adds is in it, too. */
export interface KpngServiceEndpoints {
  /** localv1.Service, by the names that its fields have in `proto/`; fields that are empty are left out. */
  readonly Service: Contents
  /** localv1.Endpoint, likewise. */
  readonly Endpoints: readonly Contents[]
}

/** What a node must do for a Service, in the form in which KPNG's `kpng-json` and `kpng-callout` give it to other programs. */
export function kpngJson({ service, endpoints }: LocalService): KpngServiceEndpoints {
  return {
    Service: named(SERVICE, serviceMessage(service)),
    Endpoints: mergePorts(endpoints).map((endpoint) => named(ENDPOINT, localEndpointMessage(endpoint, service))),
  }
}

/** As Go's encoding/json does it with `omitempty`: no field that is zero, and an enum's value is its number. */
function named(message: Message, contents: Contents): Contents {
  const result: Record<string, unknown> = {}
  for (const [name, { of, under }] of Object.entries(message)) {
    const holder = under === undefined ? contents : (contents[under] as Contents | undefined)
    const value = valueOf(of, holder?.[name])
    if (value === undefined) continue
    if (under === undefined) result[protoName(name)] = value
    else result[protoName(under)] = { [protoName(name)]: value }
  }
  return result
}

function valueOf(of: Message | undefined, value: unknown): unknown {
  if (value === undefined || value === '' || value === 0 || value === false) return undefined
  if (Array.isArray(value)) {
    if (value.length === 0) return undefined
    return of === undefined ? value : value.map((entry) => named(of, entry as Contents))
  }
  if (typeof value !== 'object' || value === null) return value
  if (of !== undefined) return named(of, value as Contents)
  return Object.keys(value).length === 0 ? undefined : value
}

/** The field's name in `proto/`; a test compares the list with it. */
function protoName(name: string): string {
  const found = PROTO_NAMES.get(name)
  if (found === undefined) throw new TypeError(`the field ${name} has no name in proto/`)
  return found
}

const PROTO_NAMES: ReadonlyMap<string, string> = new Map(
  [
    ...['Namespace', 'Name', 'Type', 'IPs', 'MapIP', 'Ports', 'ExternalTrafficToLocal', 'InternalTrafficToLocal'],
    ...['Labels', 'Annotations', 'IPFilters', 'SessionAffinity', 'ClientIP', 'TimeoutSeconds', 'HealthCheckNodePort'],
    ...['CreationTimestamp', 'TargetIPs', 'SourceRanges', 'ClusterIPs', 'ExternalIPs', 'Headless', 'LoadBalancerIPs'],
    ...['Hostname', 'Local', 'PortOverrides', 'Scopes', 'Standing', 'Internal', 'External', 'V4', 'V6', 'Port'],
    ...['Protocol', 'NodePort', 'TargetPort', 'TargetPortName', 'Ready', 'InCluster', 'Unplaced'],
  ].map((name) => [name.toLowerCase(), name]),
)
