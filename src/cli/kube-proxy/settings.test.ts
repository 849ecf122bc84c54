import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { type AgentOptions, agentOptions } from '../agent-options.ts'
import { parseCommandLine } from '../command-line.ts'
import { COMMANDS } from '../commands.ts'
import { conntrackOptions } from '../conntrack-options.ts'
import { UsageError } from '../failure.ts'
import { OPTIONS } from '../options.ts'
import { API_VERSION, KIND, PLACED_FIELDS } from './configuration.ts'
import { configurationPages, effectiveConfiguration } from './effective.ts'
import { parseConfiguration } from './read-file.ts'
import { flagOf, type KubeProxySettings, kubeProxySettings } from './settings.ts'
import { FLAGS } from './table.ts'

const directory = mkdtempSync(path.join(tmpdir(), 'sluice-settings-'))
const fixture = (name: string) =>
  new URL(`../../../test/fixtures/kube-proxy-configuration/${name}.yaml`, import.meta.url).pathname

afterAll(() => {
  rmSync(directory, { recursive: true })
})

async function settings(args: readonly string[]): Promise<KubeProxySettings> {
  const invocation = parseCommandLine(['kube', 'to-local', 'to-nft', ...args])
  if (invocation.kind !== 'run') throw new Error('it asks for help')
  return kubeProxySettings(invocation.options, invocation.given)
}

/** With a file that has these fields. */
async function withFile(fields: string, args: readonly string[] = []): Promise<KubeProxySettings> {
  const file = path.join(directory, 'config.conf')
  writeFileSync(file, `apiVersion: ${API_VERSION}\nkind: ${KIND}\n${fields}\n`)
  return settings([...args, '--config', file])
}

async function agent(found: Promise<KubeProxySettings>): Promise<AgentOptions> {
  return agentOptions((await found).options)
}

function inapplicable({ inapplicable: reasons }: KubeProxySettings): string[] {
  return [...reasons.keys()]
}

test("kubeadm's file: kube-proxy's defaults for its mode, and nothing that does not apply", async () => {
  const found = await settings(['--config', fixture('kubeadm'), '--hostname-override=Node-1'])
  expect(inapplicable(found)).toEqual([])
  expect(found.options).toMatchObject({ kubeconfig: '/var/lib/kube-proxy/kubeconfig.conf', oomScoreAdj: '-999' })
  expect(agentOptions(found.options)).toMatchObject({
    nodeName: 'node-1',
    detectLocal: { mode: 'ClusterCIDR', cidrs: ['10.244.0.0/16'] },
    syncPeriod: 30_000,
    minSyncPeriod: 1000,
    masqueradeAll: false,
    nodePortAddresses: { primary: false, cidrs: ['0.0.0.0/0', '::/0'] },
    healthzAddress: { host: '', port: 10256 },
    metricsAddress: { host: '127.0.0.1', port: 10249 },
    nodeIP: undefined,
  })
  expect(conntrackOptions(found.options)).toMatchObject({ maxPerCore: 32768, tcpEstablishedSeconds: 86_400 })
})

test("kind's file: both families, and the kernel's limits are left alone", async () => {
  const found = await settings(['--config', fixture('kind')])
  expect(inapplicable(found)).toEqual(['mode'])
  expect(agentOptions(found.options).detectLocal).toEqual({
    mode: 'ClusterCIDR',
    cidrs: ['10.244.0.0/16', 'fd00:10:244::/56'],
  })
  expect(conntrackOptions(found.options)).toMatchObject({
    maxPerCore: 0,
    tcpEstablishedSeconds: 0,
    tcpCloseWaitSeconds: 0,
  })
})

test("k3s's flags", async () => {
  const found = await settings([
    '--cluster-cidr=10.42.0.0/16',
    '--conntrack-max-per-core=0',
    '--conntrack-tcp-timeout-close-wait=0s',
    '--conntrack-tcp-timeout-established=0s',
    '--healthz-bind-address=127.0.0.1',
    '--hostname-override=server',
    '--kubeconfig=/var/lib/rancher/k3s/agent/kubeproxy.kubeconfig',
    '--proxy-mode=iptables',
    '--alsologtostderr=true',
    '--log_file=/var/log/k3s.log',
    '--v=4',
  ])
  expect(inapplicable(found)).toEqual(['--proxy-mode', '--alsologtostderr', '--log-file'])
  expect(found.options).toMatchObject({
    kubeconfig: '/var/lib/rancher/k3s/agent/kubeproxy.kubeconfig',
    logLevel: 'debug',
  })
  expect(found.options.oomScoreAdj).toBeUndefined()
  expect(agentOptions(found.options)).toMatchObject({
    nodeName: 'server',
    healthzAddress: { host: '127.0.0.1', port: 10256 },
    nodePortAddresses: { primary: false, cidrs: ['0.0.0.0/0', '::/0'] },
  })
  expect(conntrackOptions(found.options).maxPerCore).toBe(0)
})

test("without a word of kube-proxy's, Sluice's own options are as they are", async () => {
  const { options, inapplicable: reasons } = await settings(['--node-name', 'n', '--sync-period', '5s'])
  const parsed = parseCommandLine(['kube', 'to-local', 'to-nft', '--node-name', 'n', '--sync-period', '5s'])
  expect(options).toEqual(parsed.kind === 'run' && parsed.options)
  expect(reasons.size).toBe(0)
  expect(agentOptions(options).nodePortAddresses.primary).toBe(true)
})

describe('the section of the mode counts', () => {
  const sections = `
iptables: { syncPeriod: 11s, minSyncPeriod: 1s, masqueradeAll: true }
ipvs: { syncPeriod: 12s, minSyncPeriod: 2s }
nftables: { syncPeriod: 13s, minSyncPeriod: 3s }`
  test.each([
    ['""', 11, 1, true, false],
    ['iptables', 11, 1, true, false],
    ['ipvs', 12, 2, true, false],
    ['nftables', 13, 3, false, true],
  ])('%s', async (mode, syncPeriod, minSyncPeriod, masqueradeAll, primary) => {
    const options = await agent(withFile(`mode: ${mode}${sections}`))
    expect(options).toMatchObject({
      syncPeriod: syncPeriod * 1000,
      minSyncPeriod: minSyncPeriod * 1000,
      masqueradeAll,
    })
    expect(options.nodePortAddresses.primary).toBe(primary)
  })

  test.each([
    ['--iptables-sync-period=7s --iptables-min-sync-period=0s', 7000, 0],
    ['--proxy-mode=nftables --iptables-sync-period=7s --iptables-min-sync-period=0', 7000, 0],
    ['--proxy-mode=ipvs --ipvs-sync-period=8s --ipvs-min-sync-period=2s --iptables-sync-period=7s', 8000, 2000],
    ['--iptables-sync-period=7s --sync-period=9s', 9000, 1000],
  ])('%s', async (flags, syncPeriod, minSyncPeriod) => {
    expect(await agent(settings(flags.split(' ')))).toMatchObject({ syncPeriod, minSyncPeriod })
  })
})

describe('with a file', () => {
  test('flags that kube-proxy has do not count, and are named', async () => {
    const file = 'clusterCIDR: 10.1.0.0/16\nclientConnection: { kubeconfig: /file }'
    const flags = [
      '--cluster-cidr=10.2.0.0/16',
      '--cluster-cidrs=10.3.0.0/16',
      '--kubeconfig=/flag',
      '--masquerade-all',
    ]
    const found = await withFile(file, [...flags, '--ipvs-scheduler=rr', '--healthz-bind-address='])
    expect(agentOptions(found.options)).toMatchObject({
      detectLocal: { cidrs: ['10.1.0.0/16'] },
      masqueradeAll: false,
      healthzAddress: { port: 10256 },
    })
    expect(found.options.kubeconfig).toBe('/file')
    const names = [
      'cluster-cidr',
      'cluster-cidrs',
      'healthz-bind-address',
      'ipvs-scheduler',
      'kubeconfig',
      'masquerade-all',
    ]
    expect(inapplicable(found).sort()).toEqual(names.map((name) => `--${name}`))
    expect(new Set(found.inapplicable.values())).toEqual(new Set(['the configuration file counts']))
  })

  test('one that it leaves out does not come from a flag', async () => {
    expect((await withFile('', ['--kubeconfig=/flag'])).options.kubeconfig).toBeUndefined()
  })

  test('the name of the node, the log and --master come from flags, too', async () => {
    const file = 'hostnameOverride: file\nlogging: { format: json, verbosity: 5 }'
    const found = await withFile(file, [
      '--hostname-override=flag',
      '-v',
      '2',
      '--logging-format=text',
      '--master=http://a',
    ])
    expect(found.options).toMatchObject({ nodeName: 'flag', logLevel: 'info', logFormat: 'text', server: ['http://a'] })
    expect(inapplicable(found)).toEqual([])
    expect((await withFile(file)).options).toMatchObject({ nodeName: 'file', logLevel: 'debug', logFormat: 'json' })
    expect((await withFile(file, ['--hostname-override='])).options.nodeName).toBe('file')
  })

  test("Sluice's own flags count before it", async () => {
    const file = 'hostnameOverride: file\nlogging: { format: json, verbosity: 5 }\niptables: { syncPeriod: 3s }'
    const own = ['--node-name=own', '--log-level=warn', '--log-format=text', '--sync-period=9s', '--server=http://own']
    const found = await withFile(file, [...own, '--master=http://a', '--hostname-override=flag'])
    expect(found.options).toMatchObject({
      nodeName: 'own',
      logLevel: 'warn',
      logFormat: 'text',
      syncPeriod: '9s',
      server: ['http://own'],
    })
  })
})

test('what does not apply is named with its reason, and nothing that is at its default', async () => {
  const found = await withFile(
    `mode: ipvs
featureGates: { A: true }
ipvs: { scheduler: rr, strictARP: false }
iptables: { masqueradeBit: 14, syncPeriod: 5s }
enableProfiling: true
configSyncPeriod: 15m
winkernel: { networkName: x }`,
    ['--vmodule=a=1'],
  )
  expect(inapplicable(found).sort()).toEqual(
    [
      '--vmodule',
      'enableProfiling',
      'featureGates',
      'iptables.syncPeriod',
      'ipvs.scheduler',
      'mode',
      'winkernel.networkName',
    ].sort(),
  )
  expect(found.inapplicable.get('mode')).toBe('Sluice serves with nftables; of the sections, ipvs counts')
  expect(found.inapplicable.get('iptables.syncPeriod')).toBe('it is of another mode than ipvs')
  expect(found.inapplicable.get('ipvs.scheduler')).toContain('IPVS')
})

test.each([
  ['--healthz-port=0', 'healthzAddress', undefined],
  ['--metrics-port=0', 'metricsAddress', undefined],
  ['--healthz-bind-address=127.0.0.1 --healthz-port=9', 'healthzAddress', { host: '127.0.0.1', port: 9 }],
  ['--metrics-bind-address=::1 --metrics-port=9', 'metricsAddress', { host: '::1', port: 9 }],
  ['--healthz-port=9', 'healthzAddress', { host: '', port: 10256 }],
  ['--bind-address=10.0.0.7', 'nodeIP', '10.0.0.7'],
  ['--bind-address=::', 'nodeIP', undefined],
  ['--masquerade-all=true', 'masqueradeAll', true],
  ['--masquerade-all=f', 'masqueradeAll', false],
  ['--masquerade-all', 'masqueradeAll', true],
  ['--conntrack_tcp_be_liberal=1', 'conntrackTcpBeLiberal', true],
  ['--cluster-cidr=', 'detectLocal', { mode: 'ClusterCIDR', cidrs: [] }],
  ['--proxy-mode=nftables', 'nodePortAddresses', { primary: true, localhost: false, all: false, cidrs: [] }],
] as const)('%s: %s is %j', async (flags, option, value) => {
  expect((await agent(settings(flags.split(' '))))[option]).toEqual(value)
})

test.each([
  ['--healthz-port=9', ['--healthz-port']],
  ['--metrics-port=9', ['--metrics-port']],
  ['--metrics-port=10249 --healthz-port=10256', []],
  ['--healthz-port=0', []],
  ['--healthz-bind-address=::1 --healthz-port=9', []],
  ['--proxy-mode=ipvs --iptables-sync-period=5s', ['--proxy-mode', '--iptables-sync-period']],
  ['--ipvs-sync-period=5s', ['--ipvs-sync-period']],
  ['--logtostderr=false --ipvs-strict-arp=false --feature-gates=', []],
  ['--logtostderr --ipvs-strict-arp --kube-api-qps=50', ['--kube-api-qps', '--ipvs-strict-arp', '--logtostderr']],
])('of %s these do not apply: %j', async (flags, names) => {
  expect(inapplicable(await settings(flags.split(' '))).sort()).toEqual([...names].sort())
})

test.each(['-v 4', '-v=4', '-v4', '--v 4', '--v=4'])('%s', async (flags) => {
  expect((await settings(flags.split(' '))).options.logLevel).toBe('debug')
})

test.each([
  ['--proxy-mode=userspace', '--proxy-mode: "userspace" must be iptables'],
  ['--masquerade-all=maybe', '--masquerade-all: "maybe" must be true or false'],
  ['--iptables-sync-period=0', '--iptables-sync-period: "0" must be a duration of more than 0'],
  [
    '--iptables-sync-period=1s --iptables-min-sync-period=2s',
    '--iptables-sync-period: iptables.syncPeriod: "1s" must be',
  ],
  ['--oom-score-adj=2000', '--oom-score-adj: "2000" must be'],
  ['--feature-gates=A', '--feature-gates: "A" must be'],
  ['--ipvs-exclude-cidrs=10.0.0.0', '--ipvs-exclude-cidrs: "10.0.0.0" must be a list of CIDRs'],
  ['--healthz-port=65536', '--healthz-port: "65536" must be'],
  ['--bind-address=here', '--bind-address: "here" must be'],
  ['--v=loud', '--v: "loud" must be'],
])('%s is refused', async (flags, message) => {
  const failed = settings(flags.split(' '))
  await expect(failed).rejects.toThrow(UsageError)
  await expect(failed).rejects.toThrow(message)
})

describe('the effective configuration', () => {
  const own = [
    '--node-name=n',
    '--sync-period=9s',
    '--log-level=debug',
    '--log-format=json',
    '--nodeport-addresses=all',
  ]

  test('has what is in effect, whoever said it, in the section of nftables', async () => {
    const { configuration, options } = await withFile('mode: ipvs\nipvs: { syncPeriod: 7s, minSyncPeriod: 2s }', own)
    expect(effectiveConfiguration(configuration, options)).toMatchObject({
      apiVersion: API_VERSION,
      kind: KIND,
      mode: 'nftables',
      hostnameOverride: 'n',
      logging: { format: 'json', verbosity: 4 },
      nftables: { syncPeriod: '9s', minSyncPeriod: '2s' },
      nodePortAddresses: ['0.0.0.0/0', '::/0'],
      oomScoreAdj: -999,
      conntrack: { maxPerCore: 32768 },
    })
  })

  test.each([['file'], ['flags']])('of %s, read as a file, means the same again', async (source) => {
    const args = [
      '--cluster-cidr=10.0.0.0/8',
      '--masquerade-all',
      '--iptables-sync-period=7s',
      '--oom-score-adj=-5',
      ...own,
    ]
    const found = source === 'file' ? await settings(['--config', fixture('kind')]) : await settings(args)
    const text = JSON.stringify(effectiveConfiguration(found.configuration, found.options))
    const { oddities } = parseConfiguration('x', text)
    expect(oddities).toEqual([])
    const file = path.join(directory, 'again.json')
    writeFileSync(file, text)
    const again = await settings(['--config', file])
    expect(agentOptions(again.options)).toEqual(agentOptions(found.options))
    expect(conntrackOptions(again.options)).toEqual(conntrackOptions(found.options))
    expect(JSON.stringify(effectiveConfiguration(again.configuration, again.options))).toBe(text)
  })

  test('is shown under /configz as kube-proxy shows it, and /proxyMode says nftables (promise 88)', async () => {
    const { configuration, options } = await settings(['--cluster-cidr=10.0.0.0/8', '--log-format=json'])
    const pages = configurationPages(options, configuration)
    expect(pages['/configz'].contentType).toBe('application/json')
    const shown = JSON.parse(pages['/configz'].body()) as Record<string, Record<string, unknown>>
    expect(Object.keys(shown)).toEqual(['kubeproxy.config.k8s.io'])
    expect(shown['kubeproxy.config.k8s.io']).toMatchObject({
      kind: 'KubeProxyConfiguration',
      clusterCIDR: '10.0.0.0/8',
      oomScoreAdj: null,
      iptables: { masqueradeBit: 14 },
      configSyncPeriod: '15m0s',
    })
    expect(pages['/proxyMode'].contentType).toContain('text/plain')
    expect(pages['/proxyMode'].body()).toBe('nftables')
  })
})

test("every option that the table names is one of the command's, and every flag of kube-proxy is known", () => {
  const command = COMMANDS.find(({ words }) => words[0] === 'kube')
  const flags = new Set((command?.options ?? []).flatMap((group) => OPTIONS[group]()).map((option) => option.name()))
  for (const { field } of PLACED_FIELDS) {
    if (field.option !== undefined) expect(flags).toContain(flagOf(field.option))
    if (field.flag !== undefined) expect(flags).toContain(field.flag)
  }
  for (const flag of Object.keys(FLAGS)) expect(flags).toContain(flag)
})
