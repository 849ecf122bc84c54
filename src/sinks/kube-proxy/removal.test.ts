import { describe, expect, it } from 'vitest'
import { IPSETS } from './names.ts'
import { type IptablesRule, planRemoval } from './removal.ts'

const BUILT_IN = new Set(['PREROUTING', 'OUTPUT', 'POSTROUTING', 'INPUT', 'FORWARD'])

/** `A > B C`: a rule of A that jumps to B, and one that jumps to C. */
function rules(...texts: string[]): IptablesRule[] {
  return texts.flatMap((text) => {
    const [chain = '', targets = ''] = text.split(' > ')
    return targets.split(' ').map((target) => ({ chain, targets: [target] }))
  })
}

const SERVICE = rules(
  'PREROUTING > KUBE-SERVICES',
  'OUTPUT > KUBE-SERVICES',
  'POSTROUTING > KUBE-POSTROUTING',
  'KUBE-SERVICES > KUBE-SVC-A KUBE-NODEPORTS',
  'KUBE-SVC-A > KUBE-MARK-MASQ KUBE-SEP-A',
)
const CHAINS = ['KUBE-SERVICES', 'KUBE-NODEPORTS', 'KUBE-POSTROUTING', 'KUBE-MARK-MASQ', 'KUBE-SVC-A', 'KUBE-SEP-A']

describe('planRemoval', () => {
  it('takes every chain of kube-proxy and the jumps out of built-in chains', () => {
    const plan = planRemoval('nat', [...BUILT_IN, ...CHAINS], BUILT_IN, SERVICE)
    expect(plan.chains).toEqual(CHAINS)
    expect(plan.jumps).toEqual(SERVICE.slice(0, 3))
    expect(plan.kept).toEqual([])
  })

  it.each([
    ['nat', 'KUBE-MARK-DROP'],
    ['nat', 'KUBE-KUBELET-CANARY'],
    ['nat', 'KUBE-ROUTER-HAIRPIN'],
    ['nat', 'KUBE-HOSTPORTS'],
    ['nat', 'CNI-HOSTPORT-DNAT'],
    ['nat', 'kube-services'],
    ['filter', 'KUBE-FIREWALL'],
    ['filter', 'KUBE-POD-FW-ABCDEFGHIJKLMNOP'],
    ['filter', 'KUBE-NWPLCY-ABCDEFGHIJKLMNOP'],
    ['filter', 'KUBE-SVC-ABCDEFGHIJKLMNOP'],
    ['mangle', 'KUBE-IPTABLES-HINT'],
    ['mangle', 'KUBE-SERVICES'],
  ] as const)('leaves table %s chain %s and its jumps', (table, chain) => {
    const plan = planRemoval(table, ['OUTPUT', chain], BUILT_IN, rules(`OUTPUT > ${chain}`))
    expect(plan).toEqual({ chains: [], jumps: [], kept: [] })
  })

  it('keeps what a foreign rule leads to, and the chain that acts on its mark', () => {
    const plan = planRemoval('nat', [...BUILT_IN, ...CHAINS, 'CNI-A'], BUILT_IN, [
      ...SERVICE,
      ...rules('CNI-A > KUBE-MARK-MASQ'),
    ])
    expect(plan.kept).toEqual([
      { chain: 'KUBE-MARK-MASQ', usedBy: 'CNI-A' },
      { chain: 'KUBE-POSTROUTING', usedBy: 'KUBE-MARK-MASQ' },
    ])
    expect(plan.chains).toEqual(['KUBE-SERVICES', 'KUBE-NODEPORTS', 'KUBE-SVC-A', 'KUBE-SEP-A'])
    expect(plan.jumps).toEqual(SERVICE.slice(0, 2))
  })

  it('takes a jump out of a built-in chain for a foreign one when kube-proxy has none there', () => {
    const plan = planRemoval('nat', CHAINS, BUILT_IN, [...SERVICE, ...rules('PREROUTING > KUBE-SVC-A')])
    expect(plan.kept.map(({ chain }) => chain).sort()).toEqual(
      ['KUBE-MARK-MASQ', 'KUBE-POSTROUTING', 'KUBE-SEP-A', 'KUBE-SVC-A'].sort(),
    )
  })

  it('ends when kept chains lead to each other', () => {
    const plan = planRemoval('nat', ['KUBE-SVC-A', 'KUBE-EXT-A'], BUILT_IN, [
      ...rules('KUBE-SVC-A > KUBE-EXT-A', 'KUBE-EXT-A > KUBE-SVC-A', 'mine > KUBE-SVC-A'),
    ])
    expect(plan.kept).toHaveLength(2)
  })
})

it('the names of IPv6 sets are cut as ipset needs it', () => {
  expect(IPSETS).toContain('KUBE-6-CLUSTER-IP')
  expect(IPSETS).toContain('KUBE-6-NODE-PORT-LOCAL-SCTP-HAS')
  expect([...IPSETS].every((name) => name.length <= 31)).toBe(true)
})
