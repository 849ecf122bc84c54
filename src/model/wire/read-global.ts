import { Fields } from '../parse/fields.ts'
import { EVERYTHING_KEPT } from '../parse/kept-keys.ts'
import { parseKpngItem } from '../parse/kpng.ts'
import { parseKpngNode, parseServiceCIDRInfo } from '../parse/kpng-node.ts'
import { emptyResult, type ParseResult } from '../parse/object.ts'
import { Report } from '../parse/report.ts'
import { decode } from './decode.ts'
import { isWireError } from './error.ts'
import type { Contents, Message } from './message.ts'
import { ENDPOINT_INFO, NODE_INFO, SERVICE_CIDR_INFO, SERVICE_INFO } from './messages.ts'

/**
 * Reads a Service of the global API with its endpoints, as the Service and the EndpointSlices that they came from. Never
 * throws: an endpoint that cannot be used is left out with a warning.
 *
 * @param origin where it came from, for messages
 */
export function readGlobalService(service: Uint8Array, endpoints: Iterable<Uint8Array>, origin: string): ParseResult {
  const into = emptyResult()
  const info = tryDecode(SERVICE_INFO, service, 'Service', origin, into)
  if (info === undefined) return into
  const infos: Contents[] = []
  for (const bytes of endpoints) {
    const endpoint = tryDecode(ENDPOINT_INFO, bytes, 'Endpoint', origin, into)
    if (endpoint !== undefined) infos.push(withDefaults(endpoint))
  }
  return parseKpngItem('services', { ...info, endpoints: infos }, origin, into, EVERYTHING_KEPT)
}

/** On the wire, unlike in a file, a flag that is false is absent; conditions that are absent altogether mean ready. */
function withDefaults(endpoint: Contents): Contents {
  const conditions = endpoint['conditions'] as Contents | undefined
  return conditions === undefined ? endpoint : { ...endpoint, conditions: { ready: false, ...conditions } }
}

/** Reads a Node of the global API. */
export function readGlobalNode(bytes: Uint8Array, origin: string): ParseResult {
  const into = emptyResult()
  const info = tryDecode(NODE_INFO, bytes, 'Node', origin, into)
  const report = new Report(origin, into.problems)
  report.begin('Node')
  const node = info && Fields.of(info['node'] ?? {}, report, '')
  const value = node && parseKpngNode(node, report, EVERYTHING_KEPT)
  report.end()
  if (value === undefined) into.failed.push('')
  else into.objects.push({ kind: 'Node', value })
  return into
}

/** Reads a ServiceCIDR of the global API. */
export function readGlobalServiceCIDR(bytes: Uint8Array, origin: string): ParseResult {
  const into = emptyResult()
  const info = tryDecode(SERVICE_CIDR_INFO, bytes, 'ServiceCIDR', origin, into)
  const report = new Report(origin, into.problems)
  report.begin('ServiceCIDR')
  const fields = info && Fields.of(info, report, '')
  const value = fields && parseServiceCIDRInfo(fields, report)
  report.end()
  if (value === undefined) into.failed.push('')
  else into.objects.push({ kind: 'ServiceCIDR', value })
  return into
}

/** undefined, and an error, when the bytes are no message. */
function tryDecode(
  message: Message,
  bytes: Uint8Array,
  kind: string,
  origin: string,
  into: ParseResult,
): Contents | undefined {
  try {
    return decode(message, bytes)
  } catch (error) {
    if (!isWireError(error)) throw error
    // One endpoint less does not make the Service useless.
    const severity = kind === 'Endpoint' ? 'warning' : 'error'
    into.problems.push({ severity, object: kind, field: '', message: error.message, origin })
    if (severity === 'error') into.failed.push('')
    return undefined
  }
}
