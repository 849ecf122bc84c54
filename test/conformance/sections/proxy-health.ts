import { AgentHealth } from '../../../src/cli/agent-health.ts'
import type { Node } from '../../../src/model/node.ts'
import { parseObject } from '../../../src/model/parse/object.ts'
import { ProxyHealth } from '../../../src/observe/health.ts'
import { FakeListeners } from '../../fixtures/listeners.ts'
import { silentLog } from '../../fixtures/log.ts'
import type { Comparison, Row, Section } from './section.ts'

/** A step in the life of /healthz, or a node of which it is asked. */
export type ProxyHealthRow =
  | { readonly kind: 'step'; readonly event: string; readonly status: number }
  | { readonly kind: 'node'; readonly node: string; readonly path: string; readonly status: number }

interface Data {
  readonly steps?: readonly (readonly [string, number])[]
  readonly nodeEligibility?: readonly (readonly [string, string, number])[]
}

/** The health timeout of the facts. Milliseconds. */
const TIMEOUT_MS = 10_000

export const proxyHealth: Section<ProxyHealthRow> = {
  promises: [85, 86, 87],
  rows(data) {
    const { steps = [], nodeEligibility = [] } = data as Data
    return [
      ...steps.map(([event, status], index) => {
        return { id: `proxy-health-${index + 1}`, name: event, data: { kind: 'step', event, status } as const }
      }),
      ...nodeEligibility.map(([node, path, status], index) => ({
        id: `node-eligibility-${index + 1}`,
        name: `/${path}: ${node}`,
        data: { kind: 'node', node, path, status } as const,
      })),
    ]
  },
  async adapter(rows) {
    const story = new Story()
    return Promise.all(
      rows.map(async ({ data }: Row<ProxyHealthRow>): Promise<Comparison> => {
        if (data.kind === 'node') return { expected: String(data.status), seen: await nodeStatus(data.node, data.path) }
        return { expected: String(data.status), seen: story.perform(data.event) }
      }),
    )
  },
}

/** One proxy's health, with a clock that goes only as the steps say. */
class Story {
  #elapsed = 0
  readonly #health = new ProxyHealth({
    timeoutMs: TIMEOUT_MS,
    clock: { elapsed: () => this.#elapsed, date: () => new Date(this.#elapsed) },
  })

  /** Carries out a step's words, such as `QueuedUpdate(IPv4 and IPv6), +25 s`. @returns the status, or what it did not understand. */
  perform(event: string): string {
    for (const words of event.split(', ')) {
      const families = ([4, 6] as const).filter((family) => words.includes('both') || words.includes(`IPv${family}`))
      const seconds = /^\+(\d+) s\b/.exec(words)?.[1]
      if (words.startsWith('QueuedUpdate')) for (const family of families) this.#health.queued(family)
      else if (words.startsWith('Updated')) for (const family of families) this.#health.updated(family)
      else if (seconds !== undefined) this.#elapsed += Number(seconds) * 1000
      else if (words !== 'start' && words !== 'nothing queued') return `"${words}" is not understood`
    }
    const pages = [this.#health.healthz(), this.#health.livez()]
    return [...new Set(pages.map(({ isWell }) => (isWell ? '200' : '503')))].join(' and ')
  }
}

/** What the path answers on the node of which the words tell. */
async function nodeStatus(words: string, path: string): Promise<string> {
  const listeners = new FakeListeners()
  const healthzAddress = { host: '', port: 10256 }
  const health = new AgentHealth({
    healthzAddress,
    bindAddressHardFail: true,
    log: silentLog,
    listen: listeners.listen,
  })
  await health.start()
  health.setNode(nodeOf(words))
  const { status } = listeners.ask('*:10256', `/${path}`)
  await health.close()
  return String(status)
}

/** The Node that a row speaks of, as its manifest says it. */
function nodeOf(words: string): Node {
  const taint = /^node with taint (\S+)$/.exec(words)?.[1]
  const key = taint ?? (words.includes('taint') ? 'ToBeDeletedByClusterAutoscaler' : undefined)
  const deletionTimestamp = words.includes('deletion') ? '2026-01-02T03:04:05Z' : undefined
  const metadata = { name: 'node-1', deletionTimestamp }
  const spec = { taints: key === undefined ? [] : [{ key, effect: 'NoSchedule' }] }
  const { objects } = parseObject({ apiVersion: 'v1', kind: 'Node', metadata, spec }, '')
  return objects[0]?.value as Node
}
