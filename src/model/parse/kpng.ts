import { Fields } from './fields.ts'
import { DEFAULT_KEPT, type KeptKeys } from './kept-keys.ts'
import { parseKpngEndpoints } from './kpng-endpoints.ts'
import { parseKpngNode, parseServiceCIDRInfo } from './kpng-node.ts'
import { parseKpngService } from './kpng-service.ts'
import { emptyResult, type ParseResult } from './object.ts'
import { foundInstead, Report } from './report.ts'

/**
 * The lists of KPNG's global state file: `to-file` writes `nodes` and `services`, each service with its endpoints; the ranges of
 * `servicecidrs` are Sluice's addition.
 */
export const KPNG_SECTIONS = ['nodes', 'services', 'servicecidrs'] as const

export type KpngSection = (typeof KPNG_SECTIONS)[number]

/**
 * True for KPNG's global state (`globalv1-state.yaml`): a mapping with one of its lists and without the `kind` and
 * `apiVersion` of a Kubernetes object.
 */
export function isKpngState(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  if (Object.hasOwn(value, 'kind') || Object.hasOwn(value, 'apiVersion')) return false
  return KPNG_SECTIONS.some((section) => Object.hasOwn(value, section))
}

/** Reads a whole global state. Never throws; a bad entry changes nothing about the others. */
export function parseKpngState(value: unknown, origin: string, into: ParseResult = emptyResult()): ParseResult {
  const report = new Report(origin, into.problems)
  const state = Fields.of(value, report, '')
  for (const section of KPNG_SECTIONS) {
    const list = state?.raw(section)
    if (list === undefined) continue
    if (Array.isArray(list)) for (const item of list) parseKpngItem(section, item, origin, into)
    else fail(section, foundInstead(list, 'a list'), report, into)
  }
  return into
}

/** Reads one entry of a section. */
export function parseKpngItem(
  section: KpngSection,
  value: unknown,
  origin: string,
  into: ParseResult = emptyResult(),
  kept: KeptKeys = DEFAULT_KEPT,
): ParseResult {
  const report = new Report(origin, into.problems)
  const item = Fields.of(value, report, '')
  if (item === undefined) fail(section, foundInstead(value, 'a mapping'), report, into)
  else if (!READERS[section](item, report, into, kept)) into.failed.push('')
  report.end()
  return into
}

function readNode(item: Fields, report: Report, into: ParseResult, kept: KeptKeys): boolean {
  report.begin('Node')
  const value = parseKpngNode(item, report, kept)
  if (value === undefined) return false
  into.objects.push({ kind: 'Node', value })
  return true
}

function readService(item: Fields, report: Report, into: ParseResult, kept: KeptKeys): boolean {
  report.begin('Service')
  const fields = item.map('service')
  if (fields === undefined) {
    item.error('service', 'a mapping')
    return false
  }
  const parsed = parseKpngService(fields, report, kept)
  if (parsed === undefined) return false
  into.objects.push({ kind: 'Service', value: parsed.service })
  for (const value of parseKpngEndpoints(item, parsed.service, parsed.ports, report)) {
    into.objects.push({ kind: 'EndpointSlice', value })
  }
  return true
}

function readServiceCIDR(item: Fields, report: Report, into: ParseResult): boolean {
  report.begin('ServiceCIDR')
  const value = parseServiceCIDRInfo(item, report)
  if (value === undefined) return false
  into.objects.push({ kind: 'ServiceCIDR', value })
  return true
}

const READERS = { nodes: readNode, services: readService, servicecidrs: readServiceCIDR } as const satisfies Record<
  KpngSection,
  unknown
>

function fail(field: string, message: string, report: Report, into: ParseResult): void {
  report.begin('')
  report.error(field, message)
  report.end()
  into.failed.push('')
}
