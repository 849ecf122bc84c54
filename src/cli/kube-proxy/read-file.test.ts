import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isSourceError } from '../../sources/error.ts'
import { UsageError } from '../failure.ts'
import { API_VERSION, configurationOf, KIND, valueAt } from './configuration.ts'
import { parseConfiguration, readConfigurationFile } from './read-file.ts'

const HEAD = `apiVersion: ${API_VERSION}\nkind: ${KIND}\n`
const DEFAULTS = configurationOf(new Map())

function parse(fields: string) {
  return parseConfiguration('config.conf', `${HEAD}${fields}\n`)
}

function failure(fields: string): string {
  try {
    parse(fields)
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError)
    return (error as Error).message
  }
  return 'no failure'
}

test.each(['kubeadm', 'kind'])("%s's file is read without a complaint", async (name) => {
  const file = new URL(`../../../test/fixtures/kube-proxy-configuration/${name}.yaml`, import.meta.url).pathname
  const { configuration, oddities, content } = await readConfigurationFile(file)
  expect(oddities).toEqual([])
  expect(content).toBe(readFileSync(file, 'utf8'))
  expect(configuration.clientConnection.kubeconfig).toBe('/var/lib/kube-proxy/kubeconfig.conf')
})

test('an empty file, one with null everywhere, and one with zero where kube-proxy cannot tell it from absent, have the defaults', () => {
  expect(parse('').configuration).toEqual(DEFAULTS)
  const nulls = Object.entries(DEFAULTS).map(([name, value]) => `${name}: ${JSON.stringify(emptied(value))}`)
  expect(parse(nulls.join('\n')).configuration).toEqual(DEFAULTS)
  const zeros = `
bindAddress: ""
healthzBindAddress: ""
metricsBindAddress: ""
detectLocalMode: ""
configSyncPeriod: 0s
clientConnection: { contentType: "", qps: 0, burst: 0 }
logging: { flushFrequency: 0 }
iptables: { syncPeriod: 0s, minSyncPeriod: 0s }
ipvs: { syncPeriod: 0s, minSyncPeriod: 0s }
nftables: { syncPeriod: 0s, minSyncPeriod: 0s }`
  expect(parse(zeros).configuration).toEqual(DEFAULTS)
})

/** The same sections with null in every field. */
function emptied(value: unknown): unknown {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return null
  const fields = Object.entries(value).map(([name, one]) => [name, emptied(one)])
  return fields.length === 0 ? null : Object.fromEntries(fields)
}

test('the defaults are those of kube-proxy', () => {
  expect(DEFAULTS).toMatchObject({
    clientConnection: { contentType: 'application/vnd.kubernetes.protobuf', qps: 5, burst: 10 },
    bindAddress: '0.0.0.0',
    healthzBindAddress: '0.0.0.0:10256',
    metricsBindAddress: '127.0.0.1:10249',
    mode: '',
    iptables: { masqueradeBit: 14, localhostNodePorts: true, syncPeriod: '30s', minSyncPeriod: '1s' },
    nftables: { masqueradeBit: 14, masqueradeAll: false, syncPeriod: '30s', minSyncPeriod: '1s' },
    nodePortAddresses: null,
    oomScoreAdj: -999,
    conntrack: {
      maxPerCore: 32768,
      min: 131072,
      tcpEstablishedTimeout: '24h0m0s',
      tcpCloseWaitTimeout: '1h0m0s',
      udpTimeout: '0s',
    },
    configSyncPeriod: '15m0s',
  })
})

test.each([
  ['conntrack: { maxPerCore: 0 }', 'conntrack.maxPerCore', 0],
  ['conntrack: { min: 0 }', 'conntrack.min', 0],
  ['conntrack: { tcpEstablishedTimeout: 0s }', 'conntrack.tcpEstablishedTimeout', '0s'],
  ['oomScoreAdj: 0', 'oomScoreAdj', 0],
  ['iptables: { masqueradeBit: 0 }', 'iptables.masqueradeBit', 0],
  ['iptables: { localhostNodePorts: false }', 'iptables.localhostNodePorts', false],
  ['iptables: { syncPeriod: 90s }', 'iptables.syncPeriod', '1m30s'],
  ['healthzBindAddress: 127.0.0.1', 'healthzBindAddress', '127.0.0.1:10256'],
  ['healthzBindAddress: "::1"', 'healthzBindAddress', '[::1]:10256'],
  ['metricsBindAddress: "[::]:1"', 'metricsBindAddress', '[::]:1'],
  ['bindAddress: "fd00::1"', 'healthzBindAddress', '[::]:10256'],
  ['bindAddress: "fd00::1"', 'metricsBindAddress', '[::1]:10249'],
  ['{bindAddress: "fd00::1", healthzBindAddress: 1.2.3.4}', 'healthzBindAddress', '1.2.3.4:10256'],
  ['hostnameOverride: " Node-1 "', 'hostnameOverride', 'node-1'],
  ['nodePortAddresses: [primary, 10.0.0.0/8]', 'nodePortAddresses', ['primary', '10.0.0.0/8']],
  ['featureGates: { A: true }', 'featureGates', { A: true }],
  ['logging: { flushFrequency: 7s, vmodule: [{ filePattern: a, verbosity: 2 }] }', 'logging.flushFrequency', '7s'],
  ['portRange: 300-2000', 'portRange', '300-2000'],
])('%s: %s is %j', (fields, place, value) => {
  const text = fields.startsWith('{') ? fields.slice(1, -1).replaceAll(', ', '\n') : fields
  expect(valueAt(parse(text).configuration, place)).toEqual(value)
})

test('unknown fields and fields that are there twice are passed over, and named', () => {
  const { configuration, oddities } = parse(`
mode: ipvs
mode: nftables
udpIdleTimeout: 250ms
conntrack: { max: 0, min: 1, min: 2 }
iptables: { other: { thing: 1 } }`)
  expect(configuration).toMatchObject({ mode: 'nftables', conntrack: { min: 2 } })
  expect(oddities).toEqual([
    'mode is there twice',
    'conntrack.min is there twice',
    'udpIdleTimeout is unknown',
    'conntrack.max is unknown',
    'iptables.other is unknown',
  ])
})

test.each([
  ['mode: userspace', 'mode: "userspace" must be iptables, ipvs or nftables, or empty'],
  ['mode: 4', 'mode: 4 must be iptables'],
  ['bindAddress: localhost', 'bindAddress: "localhost" must be an IP address'],
  ['healthzBindAddress: 0.0.0.0:http', 'healthzBindAddress: "0.0.0.0:http" must be an IP address and port'],
  ['metricsBindAddress: 127.0.0.1:65536', 'metricsBindAddress: "127.0.0.1:65536" must be'],
  ['metricsBindAddress: 127.0.0.1:0', 'metricsBindAddress: "127.0.0.1:0" must be'],
  ['clusterCIDR: 10.0.0.0', 'clusterCIDR: "10.0.0.0" must be a CIDR'],
  ['clusterCIDR: 10.0.0.0/8,10.1.0.0/16', 'clusterCIDR: "10.0.0.0/8,10.1.0.0/16" must be one CIDR'],
  ['nodePortAddresses: [10.0.0.0/8, some]', 'nodePortAddresses: ["10.0.0.0/8","some"] must be a list of CIDRs'],
  ['nodePortAddresses: 10.0.0.0/8', 'nodePortAddresses: "10.0.0.0/8" must be a list'],
  ['iptables: { syncPeriod: 30 }', 'iptables.syncPeriod: 30 must be a duration of more than 0'],
  ['iptables: { minSyncPeriod: -1s }', 'iptables.minSyncPeriod: "-1s" must be a duration'],
  [
    'iptables: { syncPeriod: 1s, minSyncPeriod: 5s }',
    'iptables.syncPeriod: "1s" must be at least iptables.minSyncPeriod',
  ],
  ['iptables: { masqueradeBit: 32 }', 'iptables.masqueradeBit: 32 must be a whole number from 0 to 31'],
  ['iptables: 4', 'iptables: 4 must be a section'],
  ['conntrack: { maxPerCore: "32768" }', 'conntrack.maxPerCore: "32768" must be a whole number'],
  ['conntrack: { min: -1 }', 'conntrack.min: -1 must be a whole number'],
  ['conntrack: { udpTimeout: 10ms }', 'conntrack.udpTimeout: "10ms" must be a duration of 0, or of 1s'],
  ['conntrack: { tcpBeLiberal: "yes" }', 'conntrack.tcpBeLiberal: "yes" must be true or false'],
  ['oomScoreAdj: 1001', 'oomScoreAdj: 1001 must be a whole number from -1000 to 1000'],
  ['detectLocalMode: Guess', 'detectLocalMode: "Guess" must be ClusterCIDR'],
  ['detectLocalMode: BridgeInterface', 'detectLocal.bridgeInterface: "" must be the name of an interface'],
  ['detectLocalMode: InterfaceNamePrefix', 'detectLocal.interfaceNamePrefix: "" must be'],
  ['detectLocal: { bridgeInterface: a/b }', 'detectLocal.bridgeInterface: "a/b" must be the name of an interface'],
  ['featureGates: { A: 1 }', 'featureGates: {"A":1} must be names of feature gates'],
  ['portRange: 20-10', 'portRange: "20-10" must be a range'],
  ['showHiddenMetricsForVersion: latest', 'showHiddenMetricsForVersion: "latest" must be a version'],
  ['clientConnection: { burst: 1.5 }', 'clientConnection.burst: 1.5 must be'],
  ['logging: { verbosity: -1 }', 'logging.verbosity: -1 must be'],
  ['hostnameOverride: " "', 'hostnameOverride: " " must be'],
])('%s is refused', (fields, message) => {
  expect(failure(fields)).toContain(`config.conf: ${message}`)
})

test('of several documents the first counts, and the others are mentioned', () => {
  const { configuration, oddities } = parseConfiguration(
    'x',
    `# one\n---\n${HEAD}mode: ipvs\n---\n${HEAD}mode: nftables\n`,
  )
  expect(configuration.mode).toBe('ipvs')
  expect(oddities).toEqual(['there are documents behind the first'])
  expect(parseConfiguration('x', `---\n${HEAD}---\n`).oddities).toEqual([])
})

test('the section of another mode is not compared', () => {
  expect(
    failure('{mode: nftables, iptables: { syncPeriod: 1s, minSyncPeriod: 5s }}'.slice(1, -1).replace(', i', '\ni')),
  ).toBe('no failure')
})

test('everything that is wrong is said at once', () => {
  expect(failure('mode: x\noomScoreAdj: y').split('\n')).toHaveLength(2)
})

test.each([
  ['', 'there is no KubeProxyConfiguration'],
  ['- 1', 'there is no KubeProxyConfiguration'],
  ['mode: [', 'config.conf:1:'],
])('%j is no configuration', (content, message) => {
  let seen: unknown
  try {
    parseConfiguration('config.conf', content)
  } catch (error) {
    seen = error
  }
  expect(isSourceError(seen, 'SOURCE_SYNTAX')).toBe(true)
  expect((seen as Error).message).toContain(message)
})

test.each([
  'kind: KubeProxyConfiguration',
  'apiVersion: kubeproxy.config.k8s.io/v1alpha2\nkind: KubeProxyConfiguration',
  `apiVersion: ${API_VERSION}\nkind: KubeletConfiguration`,
])('%j is another kind', (content) => {
  expect(() => parseConfiguration('config.conf', content)).toThrow(/apiVersion .* must be apiVersion kubeproxy/)
})

test('a file that is not there is named', async () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'sluice-config-'))
  const file = path.join(directory, 'config.conf')
  await expect(readConfigurationFile(file)).rejects.toThrow(`${file}: does not exist`)
  writeFileSync(file, HEAD)
  await expect(readConfigurationFile(file)).resolves.toMatchObject({ path: file, content: HEAD })
  rmSync(directory, { recursive: true })
})

test('whatever JSON a field has, it is taken or refused with its name', () => {
  const names = Object.keys(DEFAULTS)
  fc.assert(
    fc.property(fc.constantFrom(...names), fc.jsonValue(), (name, value) => {
      const message = failure(`"${name}": ${JSON.stringify(value)}`)
      expect(message === 'no failure' || message.includes(`config.conf: ${name}`)).toBe(true)
    }),
  )
})
