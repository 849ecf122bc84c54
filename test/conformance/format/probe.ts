import { canonical, canonicalEndpoint } from './address.ts'
import { PROTOCOLS, type Probe, VERDICTS } from './case.ts'
import type { Value } from './value.ts'

const EXPECTATIONS = ['verdict', 'endpoints', 'masquerade']

/** Reads a probe. Those of kube-proxy's facts may have fields that are for people only. */
export function readProbe(value: Value, fallback: { readonly id: string }): Probe {
  const text = (key: string) => value.get(key).optional((field) => field.text())
  const expect = value.get('expect')
  const id = text('id') ?? fallback.id
  return {
    id,
    name: text('name') ?? id,
    source: canonical(value.get('source').text()),
    destination: canonical(value.get('destination').text()),
    port: value.get('port').number(),
    protocol: oneOf(value.get('protocol'), PROTOCOLS),
    sourcePort: value.get('sourcePort').optional((port) => port.number()),
    expect: {
      verdict: oneOf(expect.get('verdict'), VERDICTS),
      endpoints: expect.get('endpoints').texts().map(canonicalEndpoint),
      masquerade: expect.get('masquerade').optional((flag) => flag.flag()),
      unknown: Object.keys(expect.object()).filter((key) => !EXPECTATIONS.includes(key)),
    },
    repeat: value.get('repeat').optional((count) => count.number()),
    sameEndpoint: value.get('sameEndpoint').optional((flag) => flag.flag()) ?? false,
    sameAs: text('sameAs') ?? '',
    within: value.get('within').optional((time) => time.number()) ?? 0,
  }
}

function oneOf<T extends string>(value: Value, choices: readonly T[]): T {
  const text = value.text()
  const choice = choices.find((one) => one === text)
  return choice ?? value.fail(`"${text}" must be one of ${choices.join(', ')}`)
}
