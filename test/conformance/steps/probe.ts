import type { Probe } from '../format/case.ts'
import { readProbe } from '../format/probe.ts'
import { runProbe } from '../probes/run.ts'
import type { StepKind } from './step.ts'

const FIELDS = [
  ...['id', 'name', 'note', 'source', 'destination', 'port', 'protocol', 'sourcePort', 'expect'],
  ...['repeat', 'sameEndpoint', 'sameAs', 'within'],
]

/** Opens new connections and compares what becomes of them. */
export const probe: StepKind<Probe> = {
  read(value, { id }) {
    value.fields(FIELDS)
    value.get('expect').fields(['verdict', 'endpoints', 'masquerade'])
    return readProbe(value, { id })
  },
  plan({ source, destination, port, protocol }, plan) {
    plan.source(source)
    plan.server(protocol, destination, port)
  },
  run: async (context, value) => context.check(await runProbe(context, value)),
}

/** Several probes that do not depend on each other, at once. */
export const probes: StepKind<readonly Probe[]> = {
  read: (value, { id }) => value.list().map((one, index) => probe.read(one, { id: `${id}.${index + 1}` })),
  plan(values, plan) {
    for (const value of values) probe.plan?.(value, plan)
  },
  async run(context, values) {
    const checks = await Promise.all(values.map((value) => runProbe(context, value)))
    for (const check of checks) context.check(check)
  },
}
