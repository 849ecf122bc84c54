import type { Connection } from '../../lab/index.ts'
import { canonical } from '../format/address.ts'
import type { StepKind } from './step.ts'

interface Open {
  readonly name: string
  readonly source: string
  readonly destination: string
  readonly port: number
}

/** Opens a TCP connection that stays open, under a name. */
export const connection: StepKind<Open> = {
  read(value) {
    const { name, source, destination, port } = value.fields(['name', 'source', 'destination', 'port'])
    return {
      name: name.text(),
      source: canonical(source.text()),
      destination: canonical(destination.text()),
      port: port.number(),
    }
  },
  plan({ source, destination, port }, plan) {
    plan.source(source)
    plan.server('TCP', destination, port)
  },
  async run(context, { name, source, destination, port }) {
    const { namespace, sourceAddress } = context.bed.from(source)
    context.open.set(name, await namespace.connect({ address: destination, port, sourceAddress }))
  },
}

interface Echo {
  readonly id: string
  readonly name: string
  /** Whether the connection must still be alive. */
  readonly alive: boolean
}

/** Sends a line through a connection, and compares whether it comes back. */
export const echo: StepKind<Echo> = {
  read(value, { id }) {
    const { name, alive } = value.fields(['name', 'alive'])
    return { id, name: name.text(), alive: alive.optional((flag) => flag.flag()) ?? true }
  },
  async run(context, { id, name, alive }) {
    const open = context.open.get(name) as Connection | undefined
    if (open === undefined) throw new Error(`no connection is called ${name}`)
    const seen = await open.echo('still here', { timeoutMs: 2000 }).then(
      () => 'alive',
      (error: unknown) => (error as Error).message,
    )
    const expected = alive ? 'alive' : 'broken'
    context.check({ id, name: `connection ${name}`, passed: (seen === 'alive') === alive, expected, seen })
  },
}
