import type { Load } from '../../lab/index.ts'
import type { LabProtocol } from '../bed/plan.ts'
import { canonical } from '../format/address.ts'
import type { StepKind } from './step.ts'

interface StartLoad {
  readonly name: string
  readonly source: string
  readonly destination: string
  readonly port: number
  readonly protocol: string
  readonly perSecond: number
}

const DEFAULT_PER_SECOND = 100

/** Opens connections at a steady rate in the background, under a name. */
export const load: StepKind<StartLoad> = {
  read(value) {
    const fields = value.fields(['name', 'source', 'destination', 'port', 'protocol', 'perSecond'])
    return {
      name: fields.name.text(),
      source: canonical(fields.source.text()),
      destination: canonical(fields.destination.text()),
      port: fields.port.number(),
      protocol: fields.protocol.optional((protocol) => protocol.text()) ?? 'TCP',
      perSecond: fields.perSecond.optional((rate) => rate.number()) ?? DEFAULT_PER_SECOND,
    }
  },
  plan({ source, destination, port, protocol }, plan) {
    plan.source(source)
    plan.server(protocol, destination, port)
  },
  async run(context, { name, source, destination, port, protocol, perSecond }) {
    const { namespace, sourceAddress } = context.bed.from(source)
    const spec = {
      protocol: protocol.toLowerCase() as LabProtocol,
      address: destination,
      port,
      sourceAddress,
      perSecond,
    }
    const running = await namespace.load({ ...spec, timeoutMs: 4000 })
    const close = async () => {
      await running.stop()
    }
    context.open.set(name, { running, close } as RunningLoad)
  },
}

interface RunningLoad {
  readonly running: Load
  close(): Promise<void>
}

interface EndLoad {
  readonly id: string
  readonly name: string
  /** Connections that may fail at most. */
  readonly failures: number
  /** Least number of connections, so that a load that never ran shows nothing. */
  readonly atLeast: number
}

/** Ends a load, and compares how many of its connections have failed. */
export const loadEnds: StepKind<EndLoad> = {
  read(value, { id }) {
    const { name, failures, atLeast } = value.fields(['name', 'failures', 'atLeast'])
    return {
      id,
      name: name.text(),
      failures: failures.optional((count) => count.number()) ?? 0,
      atLeast: atLeast.optional((count) => count.number()) ?? 1,
    }
  },
  async run(context, { id, name, failures, atLeast }) {
    const open = context.open.get(name) as RunningLoad | undefined
    if (open === undefined) throw new Error(`no load is called ${name}`)
    context.open.delete(name)
    const { sent, failures: failed } = await open.running.stop()
    const kinds = [...new Set(failed.map(({ verdict }) => verdict))].join(', ')
    context.probes++
    context.connections += sent
    context.check({
      id,
      name: `load ${name}`,
      passed: failed.length <= failures && sent >= atLeast,
      expected: `${failures} of at least ${atLeast} failed`,
      seen: `${failed.length} of ${sent} failed${kinds === '' ? '' : `: ${kinds}`}`,
    })
  },
}
