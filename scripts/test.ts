// Runs everything that CI runs, suite by suite, and prints the sum of all counts as the very last line.

import { parseArguments, usage } from './test/arguments.ts'
import { ChildRunner } from './test/child.ts'
import { addCounts, type Count, formatCount, isEmpty } from './test/count.ts'
import { reasonToLeaveOut, type Suite, suites } from './test/suites.ts'

interface Result {
  readonly suite: Suite
  readonly count: Count
  readonly seconds: number
  /** Why the suite did not run, or did not end as it should; empty when its own output says it all. */
  readonly note: string
}

const failure: Count = { passed: 0, failed: 1, skipped: 0 }

async function runSuite(suite: Suite, runner: ChildRunner, vitestArguments: readonly string[]): Promise<Result> {
  console.log(`\n== ${suite.name}: ${suite.what}`)
  const started = performance.now()
  const result = (count: Count, note = ''): Result => {
    return { suite, count, note, seconds: (performance.now() - started) / 1000 }
  }
  if (runner.stopped) return result(failure, 'not run: the tests were interrupted')
  const reason = reasonToLeaveOut(suite)
  if (reason !== undefined) return result(failure, `left out: ${reason}`)
  try {
    const count = await suite.run(runner, vitestArguments)
    return isEmpty(count) ? result(failure, 'no test ran') : result(count)
  } catch (error) {
    return result(failure, error instanceof Error ? error.message : String(error))
  }
}

function report({ suite, count, seconds, note }: Result): string {
  const line = `${suite.name.padEnd(14)} ${formatCount(count)} in ${seconds.toFixed(1)} s`
  return note === '' ? line : `${line} (${note})`
}

async function main(): Promise<void> {
  const { only, rest, problem } = parseArguments(process.argv.slice(2))
  if (problem !== undefined) {
    console.error(`${problem}\n${usage}`)
    console.log(formatCount(failure))
    process.exitCode = 1
    return
  }
  const runner = new ChildRunner()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => runner.stop(signal))
  const results: Result[] = []
  for (const suite of suites.filter(({ name, group }) => only.has(name) || only.has(group))) {
    const result = await runSuite(suite, runner, rest)
    if (result.note !== '') console.log(`${suite.name}: ${result.note}`)
    results.push(result)
  }
  const total = addCounts(results.map(({ count }) => count))
  console.log(`\n${results.map(report).join('\n')}\n`)
  console.log(formatCount(total))
  process.exitCode = total.failed > 0 ? 1 : 0
}

await main()
