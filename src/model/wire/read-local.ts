import type { Cidr } from '../ip.ts'
import type { LocalEndpoint, LocalService } from '../local.ts'
import type { Node } from '../node.ts'
import type { Problem } from '../object.ts'
import { readRanges } from '../parse/address.ts'
import { Fields } from '../parse/fields.ts'
import { EVERYTHING_KEPT } from '../parse/kept-keys.ts'
import { readKpngAddresses, readKpngPorts } from '../parse/kpng-endpoints.ts'
import { parseKpngNode } from '../parse/kpng-node.ts'
import { type KpngPort, parseKpngService } from '../parse/kpng-service.ts'
import { MAX_LABEL } from '../parse/metadata.ts'
import { Report } from '../parse/report.ts'
import type { ServiceKey } from '../service.ts'
import { decode } from './decode.ts'
import { isWireError } from './error.ts'
import type { Message } from './message.ts'
import { ENDPOINT, IP_RANGES, NODE, SERVICE } from './messages.ts'

/** What was made of a Service's bytes, and its endpoints'. */
export interface ReadLocal {
  /** undefined when the Service cannot be used at all. */
  readonly local: LocalService | undefined
  readonly problems: readonly Problem[]
}

/**
 * Reads a Service of the local API with its endpoints. Never throws: an endpoint that cannot be used is left out with a
 * warning. What KPNG cannot say is derived.
 *
 * @param origin where it came from, for messages
 * @param endpoints in the order that the pools are to have
 */
export function readLocalService(
  key: ServiceKey,
  service: Uint8Array,
  endpoints: Iterable<Uint8Array>,
  origin: string,
): ReadLocal {
  const problems: Problem[] = []
  const report = new Report(origin, problems)
  report.begin(`Service ${key}`)
  const fields = readFields(SERVICE, service, report)
  const parsed = fields && parseKpngService(fields, report, EVERYTHING_KEPT)
  if (parsed === undefined) return { local: undefined, problems }
  if (`${parsed.service.namespace}/${parsed.service.name}` !== key) {
    report.error('name', `the path ${key} is that of another Service`)
    return { local: undefined, problems }
  }
  const read: LocalEndpoint[] = []
  for (const bytes of endpoints) readEndpoint(bytes, parsed.ports, read, report)
  report.end()
  return { local: { key, service: parsed.service, endpoints: read }, problems }
}

function readEndpoint(bytes: Uint8Array, ports: readonly KpngPort[], into: LocalEndpoint[], report: Report): void {
  const fields = readFields(ENDPOINT, bytes, report, 'warning')
  if (fields === undefined) return
  const scopes = fields.map('scopes')
  const standing = fields.map('standing')
  const endpoint = {
    local: fields.flag('local') ?? false,
    // KPNG tells only what is ready and may be chosen, and does not tell what has no place.
    unplaced: standing?.flag('unplaced') ?? false,
    ready: standing === undefined || (standing.flag('ready') ?? false),
    inCluster: standing === undefined || (standing.flag('incluster') ?? false),
    scopes: { internal: scopes?.flag('internal') ?? false, external: scopes?.flag('external') ?? false },
    hostname: fields.name('hostname', MAX_LABEL),
    podName: '',
    ports: readKpngPorts(fields, ports, report),
  }
  for (const address of readKpngAddresses(fields, report)) into.push({ address, ...endpoint })
}

/** Reads the node's object. @returns undefined, and an error, when it cannot be used */
export function readNode(bytes: Uint8Array, origin: string): { node: Node | undefined; problems: readonly Problem[] } {
  const problems: Problem[] = []
  const report = new Report(origin, problems)
  report.begin('Node')
  const fields = readFields(NODE, bytes, report)
  const node = fields && parseKpngNode(fields, report, EVERYTHING_KEPT)
  report.end()
  return { node, problems }
}

/** Reads localv1.IPRanges; what is no range is left out. */
export function readIPRanges(
  bytes: Uint8Array,
  origin: string,
): { ranges: readonly Cidr[]; problems: readonly Problem[] } {
  const problems: Problem[] = []
  const report = new Report(origin, problems)
  report.begin('ServiceCIDRs')
  const fields = readFields(IP_RANGES, bytes, report)
  const ranges = fields === undefined ? [] : readRanges(fields, 'ranges', report).cidrs
  report.end()
  return { ranges, problems }
}

/** undefined, and a problem, when the bytes are no message. */
function readFields(
  message: Message,
  bytes: Uint8Array,
  report: Report,
  severity: Problem['severity'] = 'error',
): Fields | undefined {
  try {
    return Fields.of(decode(message, bytes), report, '')
  } catch (error) {
    if (!isWireError(error)) throw error
    report[severity]('', error.message)
    return undefined
  }
}
