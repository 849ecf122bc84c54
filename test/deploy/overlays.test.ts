import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import manifest from '../../package.json' with { type: 'json' }
import { PLAIN, plainManifest } from '../../scripts/manifests.ts'
import { agentOptions } from '../../src/cli/agent-options.ts'
import { parseCommandLine } from '../../src/cli/command-line.ts'
import { conntrackOptions } from '../../src/cli/conntrack-options.ts'
import type { RawOptions } from '../../src/cli/options.ts'
import { wantedSettings } from '../../src/sinks/conntrack/sysctls.ts'
import { type Container, Overlay } from './overlay.ts'

const NAMES = readdirSync('deploy/overlays')
const CLEANUPS = ['cleanup', 'cleanup-kube-proxy'] as const
const OVERLAYS = NAMES.filter((name) => !name.startsWith('cleanup')).map((name) => [name, new Overlay(name)] as const)
const overlay = (name: string) => new Overlay(name)

/** The options that the arguments of a container stand for. */
function options(of: Overlay, container: Container): RawOptions {
  const invocation = parseCommandLine(of.args(container))
  if (invocation.kind !== 'run') throw new Error(`${container.name} only asks for help`)
  expect(invocation.words).toBe('kube to-local to-nft')
  return invocation.options
}

function healthPort(given: RawOptions): number | undefined {
  return agentOptions(given).healthzAddress?.port
}

test('there is an overlay for each way of use', () => {
  const agents = ['beside-kube-proxy', 'k3s', 'kind', 'kubeadm', 'prometheus', 'replace-kube-proxy']
  expect(NAMES.sort()).toEqual([...agents, ...CLEANUPS].sort())
})

test.each(PLAIN)('deploy/%s.yaml is what `node scripts/manifests.ts` writes', (name) => {
  expect(readFileSync(`deploy/${name}.yaml`, 'utf8')).toBe(plainManifest(name))
})

test.each(OVERLAYS)('%s: sluice takes every argument, with the environment that it is given', (_, rendered) => {
  for (const container of rendered.containers) {
    const given = options(rendered, container)
    expect(given.nodeName).toBe('node-1')
    expect(container.image).toBe(`localhost/sluice:${manifest.version}`)
  }
})

test.each(OVERLAYS)('%s: the port of the probes is the one that health is served on', (_, rendered) => {
  expect(rendered.agent.ports).toContainEqual({
    name: 'health',
    containerPort: healthPort(options(rendered, rendered.agent)),
    protocol: 'TCP',
  })
  for (const kind of ['startupProbe', 'livenessProbe', 'readinessProbe']) {
    expect(rendered.agent).toHaveProperty([kind, 'httpGet', 'port'], 'health')
  }
})

test.each(OVERLAYS)('%s: the agent has NET_ADMIN, its run directory, and nothing else to write to', (_, rendered) => {
  const { agent, pod } = rendered
  expect(agent.securityContext).toEqual({
    runAsUser: 0,
    runAsGroup: 0,
    privileged: false,
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'], add: ['NET_ADMIN'] },
    seccompProfile: { type: 'RuntimeDefault' },
  })
  const writable = agent.volumeMounts.filter(({ readOnly }) => readOnly !== true)
  expect(writable).toEqual([{ name: 'run', mountPath: '/run/sluice' }])
  expect(pod.volumes).toContainEqual({
    name: 'run',
    hostPath: { path: '/run/sluice', type: 'DirectoryOrCreate' },
  })
})

test.each(OVERLAYS)('%s: the account, its role and the pods belong together', (_, rendered) => {
  const account = { kind: 'ServiceAccount', name: 'sluice', namespace: 'kube-system' }
  expect(rendered.objects).toContainEqual(expect.objectContaining({ kind: 'ClusterRoleBinding', subjects: [account] }))
  expect(rendered.pod).toMatchObject({ serviceAccountName: 'sluice', hostNetwork: true, dnsPolicy: 'Default' })
})

test.each(['replace-kube-proxy', 'kind', 'k3s'])('%s: the API server is reached without Services', (name) => {
  const { agent, data } = overlay(name)
  expect(agent.envFrom).toEqual([{ configMapRef: { name: 'sluice' } }])
  expect(data['API_PUBLIC_ENDPOINT']).toMatch(/^https:\/\/[a-z0-9.-]+:\d+$/)
})

test.each(OVERLAYS.filter(([name]) => name !== 'beside-kube-proxy'))(
  '%s: what the agent cannot set, the init container sets before',
  (_, rendered) => {
    const [first] = rendered.pod.initContainers ?? []
    if (first === undefined) throw new Error('there is no init container')
    expect(first.securityContext).toMatchObject({ privileged: true, readOnlyRootFilesystem: true })
    const settings = (container: Container) => wantedSettings(conntrackOptions(options(rendered, container)), 2)
    expect(settings(first)).toEqual(settings(rendered.agent))
    expect(settings(first).length).toBeGreaterThan(0)
    expect(first.args).toContain('--init-only')
    expect(rendered.agent.args).toContain('--cleanup-kube-proxy')
  },
)

test('kind: the size of the table, that the nodes share with the machine, is left alone', () => {
  const rendered = overlay('kind')
  for (const container of rendered.containers) {
    expect(options(rendered, container).conntrackMaxPerCore, container.name).toBe('0')
  }
})

test('beside-kube-proxy: nothing is touched that is kube-proxy’s', () => {
  const rendered = overlay('beside-kube-proxy')
  const given = options(rendered, rendered.agent)
  expect(rendered.pod.initContainers).toBeUndefined()
  expect(rendered.agent.args).toContain('--service-proxy-name=sluice')
  expect(rendered.agent.args.join(' ')).not.toMatch(/cleanup|1024[09]|10256/)
  expect(healthPort(given)).toBe(10356)
  expect(wantedSettings(conntrackOptions(given), 2)).toEqual([])
  expect(rendered.data).not.toHaveProperty('API_PUBLIC_ENDPOINT')
})

test('kubeadm: the configuration is that of kube-proxy', () => {
  const { containers, pod } = overlay('kubeadm')
  expect(pod.volumes).toContainEqual({ name: 'kube-proxy', configMap: { name: 'kube-proxy' } })
  for (const { args, volumeMounts } of containers) {
    expect(args).toContain('--config=/var/lib/kube-proxy/config.conf')
    expect(volumeMounts).toContainEqual({ name: 'kube-proxy', mountPath: '/var/lib/kube-proxy', readOnly: true })
  }
})

test('prometheus: the annotations name the port that metrics are served on', () => {
  const { agent, template } = overlay('prometheus')
  expect(template.metadata.annotations).toEqual({
    'prometheus.io/scrape': 'true',
    'prometheus.io/port': '10249',
    'prometheus.io/path': '/metrics',
  })
  expect(agent.args.filter((argument) => argument.startsWith('--metrics-bind-address'))).toEqual([
    '--metrics-bind-address=0.0.0.0:10249',
  ])
})

test.each(CLEANUPS)('%s: one privileged container ends, and one without any rights waits', (name) => {
  const { agent: waiting, pod } = overlay(name)
  const [first] = pod.initContainers ?? []
  if (first === undefined) throw new Error('there is no init container')
  expect(parseCommandLine(first.args)).toMatchObject({
    words: 'cleanup',
    options: name === 'cleanup' ? { runDir: '/run/sluice' } : { kubeProxy: true },
  })
  expect(first.securityContext).toMatchObject({ privileged: true, readOnlyRootFilesystem: true })
  expect(first.volumeMounts).toContainEqual({ name: 'run', mountPath: '/run/sluice' })
  expect(waiting.securityContext).toMatchObject({ runAsUser: 65532, capabilities: { drop: ['ALL'] } })
  for (const { image } of [first, waiting]) expect(image).toBe(`localhost/sluice:${manifest.version}`)
})
