import { SuiteError } from './error.ts'
import type { Case, CaseFile, Probe, Step } from './format/case.ts'
import { sectionOf } from './sections/index.ts'

/**
 * The cases that a filter names, by their own id or that of a probe; of a scenario of kube-proxy only the probe itself.
 *
 * @param filter `*` stands for any text; empty: everything
 * @throws SuiteError when it names nothing
 */
export function filterCases({ cases, sections }: CaseFile, filter: string): CaseFile {
  if (filter === '') return { cases, sections }
  const pattern = new RegExp(
    `^${filter
      .split('*')
      .map((part) => part.replaceAll(/[^\w]/g, '\\$&'))
      .join('.*')}$`,
  )
  const matches = (id: string) => pattern.test(id)
  const found = {
    cases: cases.flatMap((of) => (matches(of.id) ? [of] : withProbes(of, matches))),
    sections: sections.filter(({ section, data }) => {
      const of = sectionOf(section)
      return matches(section) || ('rows' in of && of.rows(data).some(({ id }) => matches(id)))
    }),
  }
  if (found.cases.length + found.sections.length === 0) {
    throw new SuiteError('USAGE', `--filter: no case and no probe is called "${filter}"`)
  }
  return found
}

/** The case with the probes that match, where they stand side by side; a probe among other steps needs them all. */
function withProbes(of: Case, matches: (id: string) => boolean): Case[] {
  const steps = of.steps.map((step): Step => {
    if (step.kind !== 'probes') return step
    return { kind: step.kind, value: (step.value as Probe[]).filter(({ id }) => matches(id)) }
  })
  const single = of.steps.some(({ kind, value }) => kind === 'probe' && matches((value as Probe).id))
  if (single) return [of]
  const isFound = steps.some(({ kind, value }) => kind === 'probes' && (value as Probe[]).length > 0)
  return isFound ? [{ ...of, steps }] : []
}
