import type { Problem } from '../../model/object.ts'
import { skippedKindProblems } from '../../model/parse/object.ts'
import type { SourceError } from '../error.ts'
import type { Claims } from './claims.ts'
import { type FileState, fileProblem } from './file-state.ts'

/** Problems that are told one by one; of more, only the number is. */
const MAX_PROBLEMS = 1000

/** Everything that is wrong now, file by file. */
export function currentProblems(
  inputErrors: readonly SourceError[],
  files: readonly FileState[],
  claims: Claims,
): readonly Problem[] {
  const told: Problem[] = []
  let untold = 0
  for (const problem of allProblems(inputErrors, files, claims)) {
    if (told.length < MAX_PROBLEMS) told.push(problem)
    else untold++
  }
  return untold === 0 ? told : [...told, fileProblem('error', `${untold} more problems`, '')]
}

function* allProblems(
  inputErrors: readonly SourceError[],
  files: readonly FileState[],
  claims: Claims,
): Generator<Problem> {
  for (const error of inputErrors) {
    // That an input went away later is what the user wanted, or is seen by others.
    yield fileProblem(error.code === 'SOURCE_NOT_FOUND' ? 'warning' : 'error', error.reason, error.origin)
  }
  for (const file of files) yield* file.problems()
  yield* claims.problems()
  yield* skippedKinds(files)
}

/** One for each kind, not for each object or file. */
function* skippedKinds(files: readonly FileState[]): Generator<Problem> {
  const counts = new Map<string, number>()
  const origins = new Map<string, string>()
  for (const file of files) {
    for (const { line, content } of file.contents.units) {
      for (const [kind, count] of content.skipped) {
        counts.set(kind, (counts.get(kind) ?? 0) + count)
        if (!origins.has(kind)) origins.set(kind, `${file.path}:${line}`)
      }
    }
  }
  for (const problem of skippedKindProblems(counts, '')) yield { ...problem, origin: origins.get(problem.object) ?? '' }
}
