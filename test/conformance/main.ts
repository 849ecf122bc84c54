// Runs the conformance cases on a data plane, and says for each what was expected and what was seen.
import { writeFileSync } from 'node:fs'
import { installMissingPackages } from '../../scripts/debian-packages.ts'
import { ChildRunner, searchPath } from '../../scripts/test/child.ts'
import { LabError } from '../lab/index.ts'
import { type Arguments, parseArguments, USAGE } from './arguments.ts'
import { SuiteError } from './error.ts'
import { filterCases } from './filter.ts'
import { loadCases } from './format/load.ts'
import { totalsOf } from './outcome.ts'
import { outcomeLines, totalLines } from './report/print.ts'
import { tablePage } from './report/table.ts'
import { runAll } from './run-all.ts'
import { readStep } from './steps/index.ts'

const EXIT = { passed: 0, failed: 1, unusable: 2 } as const
const TABLE = new URL('../../docs/reference/conformance.md', import.meta.url)

async function main(argv: readonly string[]): Promise<number> {
  const options = parseArguments(argv)
  const cases = filterCases(loadCases(options.cases, readStep), options.filter)
  process.env['PATH'] = searchPath.join(':')
  await installMissingPackages(new ChildRunner())
  const outcomes = await runAll(cases, options, (outcome) => {
    for (const line of outcomeLines(outcome)) console.log(line)
  })
  const totals = totalsOf(outcomes)
  // A case without a check has failed, too.
  const failed = totals.failed + outcomes.filter(({ state, checks }) => state === 'fail' && checks.length === 0).length
  write(options, { ...totals, failed })
  if (options.writeTable) writeFileSync(TABLE, tablePage(outcomes, options.plane.name))
  for (const line of totalLines({ ...totals, failed })) console.log(line)
  return failed > 0 ? EXIT.failed : EXIT.passed
}

function write({ report }: Arguments, totals: object): void {
  if (report !== '') writeFileSync(report, JSON.stringify(totals))
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  if (!(error instanceof SuiteError) && !(error instanceof LabError && error.code === 'UNSUPPORTED')) throw error
  console.error(`conformance: ${error.message}`)
  if (error instanceof SuiteError && error.code === 'USAGE') console.error(USAGE)
  process.exitCode = EXIT.unusable
}
