import { setTimeout as delay } from 'node:timers/promises'
import { now, type Result } from '../../lab/index.ts'
import type { LabProtocol } from '../bed/plan.ts'
import type { Check, Context } from '../context.ts'
import type { Probe } from '../format/case.ts'
import { enoughConnections } from './chance.ts'
import { type Judgement, judge } from './judge.ts'

/** An answer, or a refusal of TCP over IPv6, may take more than a second on a busy machine. */
const ANSWER_MS = 4000
/** Longer than the second that a refusal of TCP over IPv6 may take. */
const SILENCE_MS = 1300
/** What is not translated has nothing random about it. */
const FIXED_VERDICT_CONNECTIONS = 3
const CONCURRENCY = 8
/** A refusal takes no time, and to ask at once would only keep the machine busy. */
const AGAIN_AFTER_MS = 20

/** Opens a probe's connections and judges them; again and again while it may still come to pass. */
export async function runProbe(context: Context, probe: Probe): Promise<Check> {
  const deadline = now() + probe.within
  for (;;) {
    const judgement = await attempt(context, probe)
    if (judgement.passed || now() >= deadline) {
      context.endpoints.set(probe.id, judgement.endpoint)
      const { passed, expected, seen } = judgement
      return { id: probe.id, name: probe.name, passed, expected, seen }
    }
    await delay(AGAIN_AFTER_MS)
  }
}

async function attempt(context: Context, probe: Probe): Promise<Judgement> {
  const { bed } = context
  const count = connectionCount(context, probe)
  const { namespace, sourceAddress } = bed.from(probe.source)
  const { sourcePort } = probe
  context.probes++
  context.connections += count
  const results: Result[] = await namespace.requests({
    protocol: probe.protocol.toLowerCase() as LabProtocol,
    address: probe.destination,
    port: probe.port,
    sourceAddress,
    ...(sourcePort !== undefined && { sourcePort }),
    count,
    // A port belongs to one socket at a time.
    concurrency: sourcePort === undefined ? Math.min(count, CONCURRENCY) : 1,
    timeoutMs: probe.expect.verdict === 'DROP' ? SILENCE_MS : ANSWER_MS,
  })
  const before = context.endpoints.get(probe.sameAs)
  if (probe.sameAs !== '' && before === undefined)
    throw new Error(`${probe.id}: there is no earlier probe ${probe.sameAs}`)
  return judge(probe, results, { nodeAddresses: bed.nodeAddresses, endpoint: before ?? '' })
}

function connectionCount({ plan }: Context, { expect, repeat, protocol, sourcePort }: Probe): number {
  if (repeat !== undefined) return repeat
  // To conntrack they are all one flow.
  if (sourcePort !== undefined) return 1
  if (expect.verdict !== 'DNAT') return FIXED_VERDICT_CONNECTIONS
  return enoughConnections(expect.endpoints.length, plan.candidates(protocol))
}
