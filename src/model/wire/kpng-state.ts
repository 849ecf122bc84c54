import type { EndpointSlice } from '../endpoint-slice.ts'
import { portKey } from '../local.ts'
import type { Service } from '../service.ts'
import type { ServiceCIDR } from '../service-cidr.ts'
import type { Contents, Message } from './message.ts'
import { endpointInfoMessage } from './write-endpoint.ts'
import { rangesMessage } from './write-node.ts'
import { serviceMessage } from './write-service.ts'

/** The first number that is not KPNG's, of fields. */
const FIRST_ADDITION = 100

/**
 * A Service with its endpoints as an entry of `services` in KPNG's global state file. Endpoints that have no number for any of
 * the Service's ports serve nothing, and are left out: a file could only say that they have the Service's own.
 */
export function serviceEntry(service: Service, slices: Iterable<EndpointSlice>): Contents {
  const known = new Set(service.ports.map(({ name, protocol }) => portKey(name, protocol)))
  const endpoints: Contents[] = []
  for (const slice of slices) {
    const ports = slice.ports.filter(({ name, protocol }) => known.has(portKey(name, protocol)))
    if (ports.length === 0) continue
    for (const endpoint of slice.endpoints) endpoints.push(endpointInfoMessage({ ...slice, ports }, endpoint, service))
  }
  return { service: serviceMessage(service), endpoints }
}

/** A ServiceCIDR as an entry of `servicecidrs`, which KPNG's file does not have. */
export function serviceCIDREntry({ name, cidrs }: ServiceCIDR): Contents {
  return { name, ranges: rangesMessage(cidrs) }
}

/** A message's contents without what KPNG has no field for. */
export function withoutAdditions(message: Message, contents: Contents): Contents {
  const kept: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(contents)) {
    const field = message[name]
    // What stands in a mapping of its own, a oneof, has no field of that name.
    if (field === undefined) kept[name] = value
    else if (field.id < FIRST_ADDITION) kept[name] = prune(field.of, value)
  }
  return kept
}

function prune(of: Message | undefined, value: unknown): unknown {
  if (of === undefined || typeof value !== 'object' || value === null) return value
  if (!Array.isArray(value)) return withoutAdditions(of, value as Contents)
  return value.map((entry) => withoutAdditions(of, entry as Contents))
}
