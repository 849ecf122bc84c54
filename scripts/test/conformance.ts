import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { ChildRunner } from './child.ts'
import type { Count } from './count.ts'

/** What is used here of the counts that the conformance runner writes. */
interface Report {
  readonly passed: number
  readonly failed: number
  readonly leftOut: number
}

/** How the cases are run. */
export interface ConformanceOptions {
  readonly plane: string
  readonly source: string
  readonly limitSeconds: number
}

/** Runs the conformance cases on a data plane. What is another plane's, or declined, is no test of this one. */
export async function runConformance(runner: ChildRunner, options: ConformanceOptions): Promise<Count> {
  const folder = await mkdtemp(path.join(tmpdir(), 'sluice-conformance-'))
  try {
    const file = path.join(folder, 'report.json')
    const { plane, source, limitSeconds } = options
    const args = ['--plane', plane, '--source', source, '--report', file]
    const code = await runner.runNode('test/conformance/main.ts', args, limitSeconds)
    const text = await readFile(file, 'utf8').catch(() => undefined)
    if (text === undefined) throw new Error(`the conformance cases ended with exit code ${code} and no report`)
    const { passed, failed, leftOut } = JSON.parse(text) as Report
    return { passed, failed: failed === 0 && code !== 0 ? 1 : failed, skipped: leftOut }
  } finally {
    await rm(folder, { recursive: true })
  }
}
