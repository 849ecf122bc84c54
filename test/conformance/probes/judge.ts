import type { Result } from '../../lab/index.ts'
import { endpointText } from '../format/address.ts'
import type { Probe } from '../format/case.ts'
import { hitBounds } from './chance.ts'

/** What a probe's connections came to. */
export interface Judgement {
  readonly passed: boolean
  readonly expected: string
  readonly seen: string
  /** The endpoint of the last connection that was translated; empty when there was none. */
  readonly endpoint: string
}

/** What is known beyond the probe itself. */
export interface Circumstances {
  /** Addresses of the node, canonical: a masqueraded source is one of them. */
  readonly nodeAddresses: ReadonlySet<string>
  /** The endpoint that must be hit if the probe still expects it; empty when any will do. */
  readonly endpoint: string
}

/** Compares what was seen of a probe with what it expects. */
export function judge(probe: Probe, results: readonly Result[], { nodeAddresses, endpoint }: Circumstances): Judgement {
  const { expect } = probe
  const seen = results.map((result) => observe(probe, result, nodeAddresses))
  const faults = [
    ...expect.unknown.map((key) => `the runner does not know "${key}"`),
    ...seen.filter(({ verdict }) => verdict !== expect.verdict).map(({ verdict }) => `verdict ${verdict}`),
    ...(expect.verdict === 'DNAT' ? endpointFaults(probe, seen, endpoint) : []),
    ...seen.flatMap(({ masqueraded, client }) => {
      if (expect.masquerade === undefined || masqueraded === expect.masquerade) return []
      return [masqueraded === undefined ? `source ${client}, neither kept nor the node's` : masqueradeText(masqueraded)]
    }),
  ]
  const why = faults.length === 0 ? '' : ` (${[...new Set(faults)].join('; ')})`
  return {
    passed: faults.length === 0,
    expected: expectedText(probe, endpoint),
    seen: `${tally(seen.map(({ text }) => text))}${why}`,
    endpoint: seen.findLast(({ verdict }) => verdict === 'DNAT')?.endpoint ?? '',
  }
}

interface Observation {
  readonly verdict: 'DNAT' | 'REJECT' | 'DROP' | 'PASS' | 'ERROR'
  readonly endpoint: string
  readonly client: string
  /** Undefined when the source is neither kept nor one of the node, and when nobody saw it. */
  readonly masqueraded: boolean | undefined
  readonly text: string
}

const nobody = { endpoint: '', client: '', masqueraded: undefined }

function observe(probe: Probe, result: Result, nodeAddresses: ReadonlySet<string>): Observation {
  switch (result.verdict) {
    case 'refused':
      return { ...nobody, verdict: 'REJECT', text: 'REJECT' }
    case 'timeout':
      return { ...nobody, verdict: 'DROP', text: 'DROP' }
    case 'error':
      return { ...nobody, verdict: 'ERROR', text: `ERROR ${result.code}` }
    case 'answered': {
      const { local, localPort, client } = result
      const endpoint = endpointText(local, localPort)
      const isUntouched = endpoint === endpointText(probe.destination, probe.port) && !expects(probe, endpoint)
      const isKept = client === probe.source
      // The node's own address may be kept by masquerading, too, but then on another interface: the bed sees to that.
      const masqueraded = isKept ? false : nodeAddresses.has(client) ? true : undefined
      if (isUntouched) {
        // What the proxy has not touched has its source, too.
        const verdict = isKept ? 'PASS' : 'ERROR'
        return { endpoint, client, masqueraded, verdict, text: isKept ? 'PASS' : `untouched, but from ${client}` }
      }
      const source = masqueraded === false ? 'kept' : masqueraded === true ? 'masqueraded' : client
      return { endpoint, client, masqueraded, verdict: 'DNAT', text: `DNAT ${endpoint} source ${source}` }
    }
  }
}

function expects({ expect }: Probe, endpoint: string): boolean {
  return expect.verdict === 'DNAT' && expect.endpoints.includes(endpoint)
}

function endpointFaults(probe: Probe, seen: readonly Observation[], only: string): string[] {
  const { endpoints } = probe.expect
  const hits = seen.filter(({ verdict }) => verdict === 'DNAT').map(({ endpoint }) => endpoint)
  const different = [...new Set(hits)]
  const strangers = different.filter((endpoint) => !endpoints.includes(endpoint))
  const faults = strangers.map((endpoint) => `${endpoint} is none of the endpoints`)
  if (probe.sameEndpoint) {
    if (different.length > 1) faults.push('not always the same endpoint')
    const isOther = endpoints.includes(only) && different.some((endpoint) => endpoint !== only)
    if (isOther) faults.push(`not ${only} as before`)
    return faults
  }
  const { least, most } = hitBounds(seen.length, endpoints.length)
  for (const endpoint of endpoints) {
    const count = hits.filter((hit) => hit === endpoint).length
    if (count === 0) faults.push(`${endpoint} is never hit`)
    else if (strangers.length === 0 && hits.length === seen.length && (count < least || count > most)) {
      faults.push(`${endpoint} is hit ${count} times of ${seen.length}, where ${least} to ${most} are fair`)
    }
  }
  return faults
}

function expectedText({ expect, sameEndpoint }: Probe, endpoint: string): string {
  if (expect.verdict !== 'DNAT') return expect.verdict
  const set = expect.endpoints.includes(endpoint) ? endpoint : expect.endpoints.join(' ')
  const source = expect.masquerade === undefined ? '' : ` source ${masqueradeText(expect.masquerade)}`
  return `DNAT ${sameEndpoint ? 'always the same of ' : ''}${set}${source}`
}

function masqueradeText(masqueraded: boolean): string {
  return masqueraded ? 'masqueraded' : 'kept'
}

/** Each text once, with how often it came. */
function tally(texts: readonly string[]): string {
  const counts = new Map<string, number>()
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1)
  return [...counts].map(([text, count]) => `${count}x ${text}`).join(', ')
}
