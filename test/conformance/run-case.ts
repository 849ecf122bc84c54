import type { Bed } from './bed/bed.ts'
import { type Check, Context } from './context.ts'
import type { Case } from './format/case.ts'
import type { Plane } from './planes.ts'
import type { Source } from './sources.ts'
import { planOf, runStep } from './steps/index.ts'

/** How a case with steps ended. */
export interface CaseRun {
  readonly checks: readonly Check[]
  /** Packet probes that were sent; one that is tried again counts again. */
  readonly probes: number
  readonly connections: number
}

/** Characters of Sluice's output that are shown when it has died. */
const OUTPUT_SHOWN = 2000

/** How a suite is run. */
export interface Way {
  readonly plane: Plane
  readonly source: Source
}

/** Runs the steps of a case on an empty node, and empties it again. What a step throws is a check that failed. */
export async function runCase(of: Case, { plane, source }: Way, bed: Bed): Promise<CaseRun> {
  const plan = planOf(of)
  const context = new Context(of, { plane, feed: await source.open(bed.node), bed, plan })
  let step = 0
  try {
    await bed.prepare(plan)
    for (; step < of.steps.length; step++) {
      const next = of.steps[step]
      if (next !== undefined) await runStep(context, next)
    }
    if (await context.hasDied()) throw new Error(`Sluice has ended: ${context.instance.output.slice(-OUTPUT_SHOWN)}`)
  } catch (error) {
    const kind = of.steps[step]?.kind ?? ''
    context.check({
      id: `${of.id}/${step + 1}`,
      name: kind === '' ? 'the end' : `step ${step + 1}, ${kind}`,
      passed: false,
      expected: 'the step to be done',
      seen: (error as Error).message,
    })
  } finally {
    await context.close()
    if (!bed.spoilt) await bed.clear()
  }
  const { checks, probes, connections } = context
  return { checks, probes, connections }
}
