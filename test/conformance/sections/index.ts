import type { Check } from '../context.ts'
import type { SectionCase } from '../format/case.ts'
import { conntrackCleanup } from './conntrack-cleanup.ts'
import { endpointSelection } from './endpoint-selection.ts'
import { nodePortAddresses } from './node-port-addresses.ts'
import { proxyHealth } from './proxy-health.ts'
import type { Comparison, LeftOutSection, Section } from './section.ts'
import { serviceHealthServer } from './service-health-server.ts'

const OWN_LAYOUT = "it describes the tables of kube-proxy's own layout, which no packet can tell from others"

const SECTIONS: Readonly<Record<string, Section<unknown> | LeftOutSection>> = {
  endpointSelection,
  nodePortAddresses,
  conntrackCleanup,
  serviceHealthServer,
  proxyHealth,
  chainNames: { leftOut: OWN_LAYOUT },
  transactionSizes: { leftOut: OWN_LAYOUT },
}

/** The section's entry in the table; one that nobody knows has rows that fail. */
export function sectionOf(name: string): Section<unknown> | LeftOutSection {
  const section = Object.hasOwn(SECTIONS, name) ? SECTIONS[name] : undefined
  return section ?? { promises: [], rows: (data) => [{ id: name, name: `section ${name}`, data }] }
}

/** Judges all rows of a section. */
export async function runSection({ section, data }: SectionCase, of: Section<unknown>): Promise<Check[]> {
  const rows = of.rows(data)
  const missing: Comparison = { expected: 'an adapter', seen: `test/conformance/sections has none for ${section}` }
  let comparisons: readonly Comparison[]
  try {
    comparisons = (await of.adapter?.(rows)) ?? rows.map(() => missing)
  } catch (error) {
    comparisons = rows.map(() => ({ expected: 'an answer', seen: (error as Error).message }))
  }
  return rows.map(({ id, name }, index) => {
    const { expected, seen } = comparisons[index] ?? { expected: 'a comparison', seen: 'none' }
    return { id, name, passed: expected === seen, expected, seen }
  })
}
