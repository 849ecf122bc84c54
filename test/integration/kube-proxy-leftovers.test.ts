import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { FOREIGN_RULES, IPVS_RULES, IPVS_SETS, iptablesMode, nftablesMode } from '../fixtures/kube-proxy.ts'
import { until } from '../lab/index.ts'
import { answerOf, CLUSTER, TestCluster } from '../sluice/cluster.ts'
import { endpointSlice, service } from '../sluice/manifests.ts'
import { SLUICE } from '../sluice/process.ts'

const CLUSTER_IP = '10.96.0.10'
const CLUSTER_IP6 = 'fd00:10:96::10'
/** What `cleanup --kube-proxy` exits with when something was left. */
const LEFT = 6

let cluster: TestCluster

beforeEach(async () => {
  cluster = await TestCluster.create()
}, 60_000)

afterEach(async () => {
  await cluster.dispose()
})

async function exec(command: string, args: string[] = [], input = ''): Promise<string> {
  return (await cluster.node1.exec(command, args, { input })).stdout
}

async function restore(program: string, text: string): Promise<void> {
  await exec(program, ['--noflush'], text)
}

/** Everything that a foreign program may have in the node's kernel, without counters, dates and handles. */
async function listing(): Promise<string> {
  const saves = ['iptables-save', 'ip6tables-save', 'iptables-legacy-save', 'ip6tables-legacy-save']
  const texts = [await exec('nft', ['--stateless', 'list', 'ruleset']), await exec('ipset', ['list', '-name'])]
  for (const save of saves) texts.push(await exec(save))
  const links = await exec('ip', ['-brief', 'link'])
  return [...texts, links.replaceAll(/@\S+|\b(?:UP|DOWN|UNKNOWN|LOWERLAYERDOWN)\b/g, '')]
    .join('\n')
    .replaceAll(/^#.*$/gm, '')
    .replaceAll(/\[\d+:\d+\]/g, '')
}

async function cleanup(): Promise<{ code: number; stdout: string; stderr: string }> {
  return cluster.node1.exec(SLUICE, ['cleanup', '--kube-proxy'], { allowFailure: true })
}

const served = (family: 4 | 6) => {
  const { a1, b1 } = cluster.pods
  const at = (addresses: readonly string[]) => addresses[family === 4 ? 0 : 1] ?? ''
  return { clusterIP: family === 4 ? CLUSTER_IP : CLUSTER_IP6, endpoints: [at(a1.addresses), at(b1.addresses)] }
}

const LEFTOVERS: readonly { readonly mode: string; readonly make: () => Promise<void> }[] = [
  {
    mode: 'nftables',
    make: async () => {
      for (const family of [4, 6] as const) await exec('nft', ['-f', '-'], nftablesMode(served(family)))
    },
  },
  {
    mode: 'iptables, by iptables-nft',
    make: async () => {
      await restore('iptables-restore', iptablesMode(served(4)))
      await restore('ip6tables-restore', iptablesMode(served(6)))
    },
  },
  {
    mode: 'iptables, by iptables-legacy',
    make: async () => {
      await restore('iptables-legacy-restore', iptablesMode(served(4)))
      await restore('ip6tables-legacy-restore', iptablesMode(served(6)))
    },
  },
  {
    mode: 'ipvs, without virtual servers (they need a kernel with ip_vs)',
    make: async () => {
      await exec('ipset', ['restore'], IPVS_SETS)
      await restore('iptables-restore', IPVS_RULES)
      // kube-proxy's is a dummy, which not every kernel has either.
      await cluster.node1.ip('link add kube-ipvs0 type ifb', `addr add ${CLUSTER_IP}/32 dev kube-ipvs0`)
    },
  },
]

describe.each(LEFTOVERS)('mode $mode', ({ make }) => {
  test('exactly what kube-proxy made is removed, and a second run finds nothing', async () => {
    const { a1, a2, b1 } = cluster.pods
    // Foreign tables of all kinds, with traffic that goes through them.
    for (const program of ['iptables-restore', 'iptables-legacy-restore']) await restore(program, FOREIGN_RULES)
    for (const program of ['ip6tables-restore', 'ip6tables-legacy-restore']) {
      await restore(program, iptablesMode(served(6)).replaceAll('KUBE-', 'THEIRS-').replaceAll('LOLE4ISW44XBNF3G', 'X'))
    }
    await exec('nft', ['-f', '-'], 'table inet kube-proxy { chain KUBE-SERVICES { accept; }\n }\ntable ip theirs { }\n')
    await exec('ipset', ['create', 'KUBE-MINE', 'hash:ip'])
    await a1.serve({ protocol: 'http', port: 8080, name: 'a1' })
    await cluster.node1.serve({ protocol: 'http', port: 7777, name: 'redirected' })
    // A running Sluice is as foreign to kube-proxy as the rest.
    cluster.manifests.write('web.yaml', [
      service('web', { clusterIPs: ['10.96.0.20'], ports: [{ name: 'http', port: 80 }] }),
      endpointSlice('web', { ports: [{ name: 'http', port: 8080 }], endpoints: [a1.address] }),
    ])
    const sluice = await cluster.sluice()
    const before = await listing()

    await make()
    expect(await listing()).not.toEqual(before)
    const { code, stdout, stderr } = await cleanup()
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^deleted /)
    expect(await listing()).toEqual(before)
    expect(await cleanup()).toMatchObject({ code: 0, stdout: 'nothing of kube-proxy to delete\n' })

    const ask = async (address: string, port: number) => answerOf(await a2.request({ protocol: 'http', address, port }))
    expect(await ask(CLUSTER.node1[0], 9999)).toBe('redirected')
    expect(await ask('10.96.0.20', 80)).toBe('a1')
    const dropped = await a1.request({ protocol: 'tcp', address: b1.address, port: 6666, timeoutMs: 300 })
    expect(dropped.verdict).toBe('timeout')
    expect((await sluice.status()).counts.driftRepaired).toBe(0)
  })
})

describe.each(['', '-legacy'])('by iptables%s', (kind) => {
  test('what a foreign rule leads to stays and is reported, and the rest goes', async () => {
    const user = '*nat\n:CNI-HOSTPORT-SETMARK - [0:0]\n-A CNI-HOSTPORT-SETMARK -j KUBE-MARK-MASQ\nCOMMIT\n'
    await restore(`iptables${kind}-restore`, iptablesMode(served(4)))
    await restore(`iptables${kind}-restore`, user)
    const { code, stderr } = await cleanup()
    expect(code).toBe(LEFT)
    expect(stderr).toMatch(/^left chain KUBE-MARK-MASQ of table .*nat.*: CNI-HOSTPORT-SETMARK uses it$/m)
    const save = await exec(`iptables${kind}-save`, ['-t', 'nat'])
    const chains = [...save.matchAll(/^:((?:KUBE|CNI)\S+)/gm)].map(([, name]) => name)
    expect(chains.sort()).toEqual(['CNI-HOSTPORT-SETMARK', 'KUBE-MARK-MASQ', 'KUBE-POSTROUTING'])
    expect(save).toContain('-A POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING')
    expect(save).toContain('-j MASQUERADE --random-fully')
  })
})

describe.each(LEFTOVERS.slice(0, 3))('an agent with --cleanup-kube-proxy, and leftovers of mode $mode', ({ make }) => {
  test('takes over without a failed connection', async () => {
    const { a1, a2, b1 } = cluster.pods
    for (const pod of [a1, b1]) await pod.serve({ protocol: 'http', port: 8080, name: pod.name })
    await make()
    cluster.manifests.write('web.yaml', [
      service('web', { clusterIPs: [CLUSTER_IP], ports: [{ name: 'http', port: 80 }] }),
      endpointSlice('web', { ports: [{ name: 'http', port: 8080 }], endpoints: [a1.address, b1.address] }),
    ])
    const load = await a2.load({ protocol: 'http', address: CLUSTER_IP, port: 80, perSecond: 100 })
    await until(async () => (await load.report()).sent > 20)
    expect((await load.report()).failures).toEqual([])
    const sluice = await cluster.sluice({ args: ['--cleanup-kube-proxy'] })
    await until(() => sluice.output.includes("removed kube-proxy's leftovers"))
    const { sent } = await load.report()
    await until(async () => (await load.report()).sent > sent + 50)
    const report = await load.stop()
    expect(report.failures).toEqual([])
    expect(Object.keys(report.answered).sort()).toEqual(['a1', 'b1'])
    const text = await listing()
    expect(text).toContain('table ip sluice')
    expect(text).not.toMatch(/kube-proxy|KUBE-/)
    expect((await sluice.status()).counts.driftRepaired).toBe(0)
  })
})

test('an agent without a virtual server removes nothing until it has one', async () => {
  const { a1 } = cluster.pods
  await exec('nft', ['-f', '-'], nftablesMode(served(4)))
  const sluice = await cluster.sluice({ args: ['--cleanup-kube-proxy'] })
  expect(await exec('nft', ['list', 'tables'])).toContain('table ip kube-proxy')
  await cluster.apply(sluice, 'web.yaml', [
    service('web', { clusterIPs: [CLUSTER_IP], ports: [{ name: 'http', port: 80 }] }),
    endpointSlice('web', { ports: [{ name: 'http', port: 8080 }], endpoints: [a1.address] }),
  ])
  expect(await exec('nft', ['list', 'tables'])).not.toContain('kube-proxy')
})

test.each([
  { args: ['--once'], isRemoved: true },
  { args: ['--once', '--dry-run'], isRemoved: false },
])('an agent with --cleanup-kube-proxy $args has removed all when it ends: $isRemoved', async ({ args, isRemoved }) => {
  await exec('nft', ['-f', '-'], nftablesMode(served(4)))
  cluster.manifests.write('web.yaml', [
    service('web', { clusterIPs: [CLUSTER_IP], ports: [{ name: 'http', port: 80 }] }),
    endpointSlice('web', { ports: [{ name: 'http', port: 8080 }], endpoints: [cluster.pods.a1.address] }),
  ])
  const command = ['file', '--input', cluster.manifests.path, 'to-local', 'to-nft', '--node-name', 'node-1']
  await exec(SLUICE, [...command, '--cleanup-kube-proxy', ...args])
  expect((await exec('nft', ['list', 'tables'])).includes('table ip kube-proxy')).toBe(!isRemoved)
})
