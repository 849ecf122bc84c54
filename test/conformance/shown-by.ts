import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { ShownBy } from './format/case.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** What is wrong with a reference to a test; undefined when the file has a test of that name. */
export function faultOf({ file, test }: ShownBy): string | undefined {
  let text: string
  try {
    text = readFileSync(`${ROOT}/${file}`, 'utf8')
  } catch {
    return `${file} does not exist`
  }
  const name = test.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
  // `test('name'`, `test.each(...)('name'`, and a test that is skipped is none.
  const call = new RegExp(`(?<!\\.(?:skip|todo)\\(\\s*)(?<=\\(\\s*)(['"\`])${name}\\1`)
  return call.test(text) ? undefined : `${file} has no test "${test}"`
}
