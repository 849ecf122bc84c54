import { Plan } from '../bed/plan.ts'
import type { Context } from '../context.ts'
import type { Case, Step } from '../format/case.ts'
import type { ReadStep } from '../format/extended.ts'
import { apply } from './apply.ts'
import { command, nft } from './command.ts'
import { connection, echo } from './connection.ts'
import { http } from './http.ts'
import { load, loadEnds } from './load.ts'
import { node } from './node.ts'
import { probe, probes } from './probe.ts'
import { args, ended, restart, start, stop } from './restart.ts'
import { status } from './status.ts'
import type { StepKind } from './step.ts'
import { transactions } from './transactions.ts'
import { wait } from './wait.ts'

/** Every kind of step, by the name that case files use. */
const KINDS: Readonly<Record<string, StepKind<unknown>>> = {
  apply,
  probe,
  probes,
  status,
  transactions,
  stop,
  start,
  restart,
  args,
  ended,
  node,
  nft,
  command,
  http,
  connection,
  echo,
  load,
  loadEnds,
  wait,
}

/** Reads the value of a step. */
export const readStep: ReadStep = (kind) => {
  const found = Object.hasOwn(KINDS, kind) ? KINDS[kind] : undefined
  return found === undefined ? undefined : (value, context) => found.read(value, context)
}

/** Names of all kinds. */
export const STEP_KINDS = Object.keys(KINDS)

/** What a case needs of the bed. */
export function planOf({ env, steps }: Case): Plan {
  const plan = new Plan(env.nodeName, env.interfaces)
  for (const { kind, value } of steps) KINDS[kind]?.plan?.(value, plan)
  return plan
}

export async function runStep(context: Context, { kind, value }: Step): Promise<void> {
  const found = KINDS[kind]
  if (found === undefined) throw new TypeError(`no step is called ${kind}`)
  await found.run(context, value)
}
