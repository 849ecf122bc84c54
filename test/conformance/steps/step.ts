import type { Plan } from '../bed/plan.ts'
import type { Context } from '../context.ts'
import type { Value } from '../format/value.ts'

/** A kind of step. A new one is a file beside this one, and a line in index.ts. */
export interface StepKind<T> {
  /**
   * Reads what stands behind the step's name in a case file.
   *
   * @param context `id` names the step in messages and in the output: `CASE/NUMBER`
   * @throws SuiteError when it is not what the kind wants
   */
  read(value: Value, context: { readonly id: string }): T
  /** Says what the bed must have before Sluice starts; left out by kinds that send nothing. */
  plan?(value: T, plan: Plan): void
  /** Does it. A kind that compares something calls `context.check`, once for each comparison; what it throws fails the case. */
  run(context: Context, value: T): Promise<void>
}
