import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { ChildRunner } from './child.ts'
import type { Count } from './count.ts'

/** What is used here of the report that Vitest's JSON reporter writes. */
export interface VitestReport {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly numPendingTests: number
  readonly numTodoTests: number
  /** One a file. A file that cannot be loaded has failed without a test in it. */
  readonly testResults: readonly {
    readonly status: string
    readonly assertionResults: readonly { readonly status: string }[]
  }[]
}

/** Runs one of the projects in vitest.config.ts; `args` are Vitest's own. */
export async function runVitest(
  runner: ChildRunner,
  project: string,
  limitSeconds: number,
  args: readonly string[],
): Promise<Count> {
  const folder = await mkdtemp(path.join(tmpdir(), 'sluice-test-'))
  try {
    const file = path.join(folder, 'report.json')
    const options = ['--project', project, '--reporter=default', '--reporter=json', `--outputFile.json=${file}`]
    const code = await runner.runNode('node_modules/vitest/vitest.mjs', ['run', ...options, ...args], limitSeconds)
    const text = await readFile(file, 'utf8').catch(() => undefined)
    if (text === undefined) throw new Error(`Vitest ended with exit code ${code} and wrote no report`)
    return countReport(JSON.parse(text) as VitestReport, code)
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** Counts what failed outside of any test, too: a file that does not load, a rejection that nobody handled. */
export function countReport(report: VitestReport, exitCode: number): Count {
  const brokenFiles = report.testResults.filter(
    ({ status, assertionResults }) =>
      status === 'failed' && !assertionResults.some((assertion) => assertion.status === 'failed'),
  )
  const failed = report.numFailedTests + brokenFiles.length
  return {
    passed: report.numPassedTests,
    failed: failed === 0 && exitCode !== 0 ? 1 : failed,
    skipped: report.numPendingTests + report.numTodoTests,
  }
}
