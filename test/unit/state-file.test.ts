import { mkdtempSync, rmSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { parseCidr } from '../../src/model/ip.ts'
import { portKey } from '../../src/model/local.ts'
import type { ServiceKey } from '../../src/model/service.ts'
import { NodeView } from '../../src/node/view.ts'
import { StateFile } from '../../src/sinks/file/state-file.ts'
import { FileSource } from '../../src/sources/file/file-source.ts'
import { Store } from '../../src/store/store.ts'
import { endpoint, ip, node, service, slice } from '../fixtures/services.ts'
import { arbitraryObjects, NODE, POOLS } from '../property/arbitrary-cluster.ts'
import { Cluster } from '../property/cluster.ts'
import { patience, runs } from '../property/runs.ts'

let directory: string

beforeAll(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'sluice-state-'))
})

afterAll(() => {
  rmSync(directory, { recursive: true })
})

/** Writes all that a store has. */
async function write(store: Store, file: string, onlyKpng = false): Promise<void> {
  const state = new StateFile(file, { format: file.endsWith('.json') ? 'json' : 'yaml', onlyKpng })
  for (const name of store.nodeNames()) state.text.setNode(name, store.node(name))
  for (const key of store.serviceKeys()) state.text.setService(key, store.service(key), store.endpointSlices(key))
  for (const name of ['ranges']) state.text.setServiceCIDR(name, store.serviceCIDR(name))
  await state.write()
}

async function read(file: string): Promise<Store> {
  const store = new Store()
  const source = new FileSource({ store, inputs: [file], follow: false })
  await source.start()
  expect(source.problems()).toEqual([])
  await source.close()
  return store
}

/** Everything that a node does, and the state itself, but for the order of addresses and the names of slices. */
function meaning(store: Store): unknown {
  const views = [NODE, 'node-2', ''].map((name) => new NodeView(store, name))
  const sorted = (list: readonly string[]) => [...list].sort()
  const services = sorted([...store.serviceKeys()]).map((key) => {
    const of = store.service(key as ServiceKey)
    const lists = of && {
      clusterIPs: sorted(of.clusterIPs),
      externalIPs: sorted(of.externalIPs),
      loadBalancerIPs: sorted(of.loadBalancerIPs),
      loadBalancerSourceRanges: sorted(of.loadBalancerSourceRanges),
    }
    const known = new Set(of?.ports.map(({ name, protocol }) => portKey(name, protocol)))
    // One endpoint may come in several parts, with some of its ports each.
    const local = views.map((view) =>
      (view.local(key as ServiceKey)?.endpoints ?? [])
        .flatMap(({ ports, ...rest }) => ports.map((port) => ({ ...rest, ...port })))
        .filter(({ name, protocol }) => known.has(portKey(name, protocol)))
        .map((entry) => JSON.stringify(entry))
        .sort(),
    )
    return { ...of, ...lists, local }
  })
  return {
    services,
    nodes: sorted([...store.nodeNames()]).map((name) => store.node(name)),
    cidrs: store.serviceCIDRs(),
  }
}

describe.each(['yaml', 'json'])('as %s', (format) => {
  test(
    'a state reads back the same, whatever the cluster, and is written the same again',
    async () => {
      const [first = '', second = '', third = ''] = [1, 2, 3].map((i) =>
        path.join(directory, `property-${i}.${format}`),
      )
      await fc.assert(
        fc.asyncProperty(arbitraryObjects, async (manifests) => {
          const { store } = await Cluster.of(manifests)
          await write(store, first)
          const again = await read(first)
          expect(meaning(again)).toEqual(meaning(store))
          // A slice that is not called after its Service gets another name, once.
          await write(again, second)
          await write(await read(second), third)
          expect(await readFile(third, 'utf8')).toBe(await readFile(second, 'utf8'))
        }),
        runs(60),
      )
    },
    patience(5000),
  )

  test('everything that a Service, an endpoint, a node and a range can have', async () => {
    const store = new Store()
    const web = service('web', {
      type: 'LoadBalancer',
      creationTimestamp: 1_750_000_000_000,
      clusterIPs: [ip('10.96.0.1'), ip('fd00:96::1')],
      externalIPs: [ip('192.0.2.1')],
      loadBalancerIPs: [ip('198.51.100.1'), ip('2001:db8::1')],
      ports: [
        { name: 'http', protocol: 'TCP', port: 80, nodePort: 30080, targetPort: 'web' },
        { name: 'dns', protocol: 'UDP', port: 53, nodePort: 0, targetPort: 5353 },
      ],
      externalTrafficPolicy: 'Local',
      internalTrafficPolicy: 'Local',
      clientIPAffinitySeconds: 61,
      loadBalancerSourceRanges: [cidr('2001:db8:5::/48'), cidr('203.0.113.0/24')],
      healthCheckNodePort: 32000,
      labels: { 'service.kubernetes.io/service-proxy-name': 'yes' },
      annotations: { 'sluice.dev/scheduler': '1e3: "x"\n#\u2028\u0085' },
    })
    const ports = [
      { name: 'http', protocol: 'TCP', port: 8080 },
      { name: 'dns', protocol: 'UDP', port: 5354 },
    ] as const
    const full = endpoint('10.244.1.1', {
      ready: false,
      serving: true,
      terminating: true,
      nodeName: 'node-1',
      zone: 'zone-a',
      hostname: 'web-0',
      podName: 'web-0',
      hintZones: ['zone-a', 'zone-b'],
      hintNodes: ['node-1'],
    })
    const slices = [
      slice('web-abc', 'web', { ports, endpoints: [full, endpoint('10.244.1.2')] }),
      slice('web-def', 'web', { ports: ports.slice(1), family: 6, endpoints: [endpoint('fd00:244::1')] }),
    ]
    const zone = { 'topology.kubernetes.io/zone': 'zone-a' }
    const n = node('node-1', {
      labels: zone,
      addresses: [ip('172.18.0.2')],
      podCIDRs: [cidr('10.244.1.0/24')],
      isLeaving: true,
    })
    store.apply({
      set: [
        { kind: 'Service', value: web },
        ...slices.map((value) => ({ kind: 'EndpointSlice', value }) as const),
        { kind: 'Node', value: n },
        { kind: 'ServiceCIDR', value: { name: 'ranges', cidrs: [cidr('10.96.0.0/16')] } },
      ],
      delete: [],
    })
    const file = path.join(directory, `full.${format}`)
    await write(store, file)
    const again = await read(file)
    expect(again.service('default/web' as ServiceKey)).toEqual(web)
    expect([...again.endpointSlices('default/web' as ServiceKey)]).toEqual(slices)
    expect(again.node('node-1')).toEqual(n)
    expect(again.serviceCIDR('ranges')).toEqual({ name: 'ranges', cidrs: ['10.96.0.0/16'] })
  })

  test('an empty cluster is a state, too', async () => {
    const file = path.join(directory, `empty.${format}`)
    await write(new Store(), file)
    expect(parse(await readFile(file, 'utf8'))).toEqual({ nodes: [], services: [] })
    expect([...(await read(file)).serviceKeys()]).toEqual([])
  })
})

test("without additions a file has only what KPNG's own strict reader knows and can read", async () => {
  const store = new Store()
  const of = service('web', { clusterIPs: [ip('10.96.0.1')], clientIPAffinitySeconds: 60, creationTimestamp: 5 })
  store.apply({
    set: [
      { kind: 'Service', value: of },
      {
        kind: 'EndpointSlice',
        value: slice('web-1', 'web', { endpoints: [endpoint('10.244.1.1', { hintNodes: ['n'] })] }),
      },
      { kind: 'Node', value: node('n', { addresses: [ip('172.18.0.2')] }) },
      { kind: 'ServiceCIDR', value: { name: 'ranges', cidrs: [cidr('10.96.0.0/16')] } },
    ],
    delete: [],
  })
  const file = path.join(directory, 'kpng.yaml')
  await write(store, file, true)
  const state = parse(await readFile(file, 'utf8')) as Record<string, Record<string, never>[]>
  expect(Object.keys(state)).toEqual(['nodes', 'services'])
  expect(Object.keys(state['nodes']?.[0] ?? {}).sort()).toEqual(['annotations', 'labels', 'name', 'topology'])
  const { service: written, endpoints } = state['services']?.[0] as unknown as { service: object; endpoints: object[] }
  expect(Object.keys(written)).not.toContain('creationtimestamp')
  expect(Object.keys(written)).not.toContain('sessionaffinity')
  expect(endpoints).toEqual([
    {
      namespace: 'default',
      sourcename: 'web-1',
      servicename: 'web',
      podname: '',
      endpoint: { hostname: '', ips: { v4: ['10.244.1.1'], v6: [] }, portoverrides: [{ name: 'http', port: 8080 }] },
      conditions: { ready: true },
      topology: { node: '', zone: '' },
      hints: { zones: [] },
    },
  ])
})

test('equal states are equal text, whatever order they came in', async () => {
  const [a, b] = await Promise.all(
    [false, true].map(async (isReversed) => {
      const store = new Store()
      const objects = POOLS.services.map(
        (identity) => ({ kind: 'Service', value: service(identity.name, identity) }) as const,
      )
      store.apply({ set: isReversed ? objects.toReversed() : objects, delete: [] })
      const file = path.join(directory, `order-${isReversed}.yaml`)
      await write(store, file)
      return readFile(file, 'utf8')
    }),
  )
  expect(a).toBe(b)
})

test('a JSON state is read entry by entry: a bad one harms no other, and is told by its line', async () => {
  const file = path.join(directory, 'lines.json')
  const entry = (name: string, ports: unknown) => JSON.stringify({ service: { name, ips: {}, ports } })
  const nodes = [`{"name": "n",`, `"labels": {}}`]
  await writeFile(
    file,
    [
      '{"services": [',
      entry('a', []),
      `,${entry('b', 5)},`,
      entry('c', []),
      '],',
      '"nodes": [',
      ...nodes,
      ',{}]}',
    ].join('\n'),
  )
  const store = new Store()
  const source = new FileSource({ store, inputs: [file], follow: false })
  await source.start()
  expect([...store.serviceKeys()]).toEqual(['default/a', 'default/c'])
  expect([...store.nodeNames()]).toEqual(['n'])
  expect(
    source
      .problems()
      .map(({ origin }) => origin)
      .sort(),
  ).toEqual([`${file}:3`, `${file}:9`])
  await source.close()
})

test('a file that was edited by hand is brought in line', async () => {
  const file = path.join(directory, 'edited.yaml')
  await writeFile(file, 'services: broken')
  await write(new Store(), file)
  expect(await readFile(file, 'utf8')).toBe('nodes: []\nservices: []\n')
})

function cidr(text: string) {
  const parsed = parseCidr(text)
  if (parsed === undefined) throw new TypeError(text)
  return parsed
}
