import type { Case, CaseFile, Step } from './case.ts'
import { ENV_FIELDS, readEnv } from './env.ts'
import type { Value } from './value.ts'

/** Our own cases, with steps. README.md describes it. */
export const EXTENDED_FORMAT = 'sluice-conformance/1'

const CASE_FIELDS = [
  'id',
  'promises',
  'title',
  'note',
  'env',
  'steps',
  'declined',
  'later',
  'needs',
  'shownBy',
] as const

/** Reads the value of a step, by its kind; undefined for a kind that does not exist. */
export type ReadStep = (kind: string) => ((value: Value, context: { id: string }) => unknown) | undefined

/** Reads a file of our own cases. `readStep` is the table of step kinds. */
export function readExtended(file: Value, name: string, readStep: ReadStep): CaseFile {
  file.fields(['format', 'about', 'env', 'cases'])
  const env = readEnv(checkedEnv(file.get('env')))
  const cases = file
    .get('cases')
    .list()
    .map((value): Case => {
      const fields = value.fields(CASE_FIELDS)
      const id = fields.id.text()
      const steps = fields.steps.list().map((step, index) => readOne(step, `${id}/${index + 1}`, readStep))
      const shownBy = fields.shownBy.optional((shown) => {
        const { file: path, test } = shown.fields(['file', 'test'])
        return { file: path.text(), test: test.text() }
      })
      const declined = fields.declined.optional((reason) => reason.text()) ?? ''
      const later = fields.later.optional((reason) => reason.text()) ?? ''
      const ways = [steps.length > 0, shownBy !== undefined, declined !== '', later !== ''].filter(Boolean).length
      if (ways !== 1) value.fail('must have one of steps, shownBy, declined and later')
      return {
        id,
        title: fields.title.text(),
        promises: fields.promises.list().map((promise) => promise.number()),
        file: name,
        env: readEnv(checkedEnv(fields.env), env),
        steps,
        declined,
        later,
        needs: fields.needs.optional((feature) => feature.text()) ?? '',
        shownBy,
      }
    })
  return { cases, sections: [] }
}

function checkedEnv(value: Value): Value {
  if (!value.isAbsent) value.fields(ENV_FIELDS)
  return value
}

function readOne(value: Value, id: string, readStep: ReadStep): Step {
  const [kind, ...others] = Object.keys(value.object())
  if (kind === undefined || others.length > 0) value.fail('a step has one key, its kind')
  const read = readStep(kind)
  if (read === undefined) value.fail(`there is no step "${kind}"`)
  return { kind, value: read(value.get(kind), { id }) }
}
