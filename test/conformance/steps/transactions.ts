import type { StepKind } from './step.ts'

interface Transactions {
  readonly id: string
  readonly least: number
  readonly most: number
}

/** Compares how many transactions the kernel has got since the last such step, or since Sluice was started. */
export const transactions: StepKind<Transactions> = {
  read(value, { id }) {
    if (typeof value.raw === 'number') return { id, least: value.raw, most: value.raw }
    const { atLeast, atMost } = value.fields(['atLeast', 'atMost'])
    return {
      id,
      least: atLeast.optional((count) => count.number()) ?? 0,
      most: atMost.optional((count) => count.number()) ?? Number.POSITIVE_INFINITY,
    }
  },
  async run(context, { id, least, most }) {
    const { counts } = await context.instance.status()
    const count = counts.transactions - context.transactionsBefore
    context.transactionsBefore = counts.transactions
    const expected = least === most ? String(least) : `${least} to ${most}`
    const passed = count >= least && count <= most
    context.check({ id, name: 'transactions', passed, expected, seen: String(count) })
  },
}
