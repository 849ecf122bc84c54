import { Bed } from './bed/bed.ts'
import { missingFeature } from './features.ts'
import type { Case, CaseFile, SectionCase } from './format/case.ts'
import { notRun, type Outcome, stateOf } from './outcome.ts'
import { runCase, type Way } from './run-case.ts'
import { runSection, sectionOf } from './sections/index.ts'
import { faultOf } from './shown-by.ts'

/** Much of a case is waiting, for packets that are dropped and for Sluice to start. */
const LANES = 2

/** Beds that a lane keeps for other cases with the same addresses of the node. */
const MOST_BEDS = 2

/** Runs cases on a plane, fed through a source, and sections; `onOutcome` is called for each when it has ended, in the order of the files. */
export async function runAll(
  { cases, sections }: CaseFile,
  way: Way,
  onOutcome: (outcome: Outcome) => void,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  for (const section of sections) outcomes.push(await sectionOutcome(section))
  for (const outcome of outcomes) onOutcome(outcome)
  const ofCases = new Array<Outcome | undefined>(cases.length)
  let [next, printed] = [0, 0]
  const lane = async () => {
    const beds = new Map<string, Bed>()
    try {
      for (let index = next++; index < cases.length; index = next++) {
        const of = cases[index]
        if (of === undefined) continue
        ofCases[index] = whyNot(of, way) ?? (await caseOutcome(of, way, beds))
        for (let done = ofCases[printed]; done !== undefined; done = ofCases[++printed]) onOutcome(done)
      }
    } finally {
      await Promise.all([...beds.values()].map((bed) => bed.close()))
    }
  }
  await Promise.all(Array.from({ length: LANES }, lane))
  return [...outcomes, ...ofCases.filter((outcome) => outcome !== undefined)]
}

async function sectionOutcome(section: SectionCase): Promise<Outcome> {
  const of = sectionOf(section.section)
  const id = section.section
  if ('leftOut' in of) return notRun({ id, title: id, promises: [] }, 'left out', of.leftOut)
  const checks = await runSection(section, of)
  const title = `${checks.length} rows of ${section.file}.json`
  return { id, title, promises: of.promises, state: stateOf(checks), reason: '', checks, probes: 0, connections: 0 }
}

/** The outcome of a case that is not run here; undefined when it is. */
function whyNot(of: Case, { plane }: Way): Outcome | undefined {
  const { env, declined, later, needs, shownBy } = of
  if (declined !== '') return notRun(of, 'declined', declined)
  if (later !== '') return notRun(of, 'later', later)
  if (env.mode !== '' && !plane.modes.includes(env.mode)) return notRun(of, 'other plane', env.mode)
  const missing = needs === '' ? undefined : missingFeature(needs)
  if (missing !== undefined) return notRun(of, 'left out', missing)
  if (shownBy === undefined) return undefined
  const fault = faultOf(shownBy)
  return fault === undefined ? notRun(of, 'shown by', `${shownBy.file}: ${shownBy.test}`) : notRun(of, 'fail', fault)
}

/** Runs a case on the lane's bed for its node. What goes wrong with the bed fails the case, and costs the bed. */
async function caseOutcome(of: Case, way: Way, beds: Map<string, Bed>): Promise<Outcome> {
  const { id, title, promises } = of
  const key = of.env.nodeIPs.join(' ')
  let isSpoilt = true
  try {
    const bed = beds.get(key) ?? (await Bed.create(of.env.nodeIPs))
    beds.set(key, bed)
    const { checks, probes, connections } = await runCase(of, way, bed)
    isSpoilt = bed.spoilt
    return { id, title, promises, state: stateOf(checks), reason: '', checks, probes, connections }
  } catch (error) {
    return notRun(of, 'fail', (error as Error).message)
  } finally {
    const [oldest = ''] = beds.keys()
    const done = isSpoilt ? key : beds.size > MOST_BEDS ? oldest : undefined
    if (done !== undefined) {
      await beds.get(done)?.close()
      beds.delete(done)
    }
  }
}
