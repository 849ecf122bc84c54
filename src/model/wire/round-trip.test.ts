import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { endpoint, ip, localEndpoint, node, service, slice } from '../../../test/fixtures/services.ts'
import type { EndpointSlice } from '../endpoint-slice.ts'
import { parseCidr } from '../ip.ts'
import type { LocalEndpoint } from '../local.ts'
import type { Node } from '../node.ts'
import type { Service, ServicePort } from '../service.ts'
import { serviceKey } from '../service.ts'
import { encode } from './encode.ts'
import { ENDPOINT, ENDPOINT_INFO, NODE, NODE_INFO, SERVICE, SERVICE_CIDR_INFO, SERVICE_INFO } from './messages.ts'
import { readGlobalNode, readGlobalService, readGlobalServiceCIDR } from './read-global.ts'
import { readLocalService, readNode } from './read-local.ts'
import { endpointInfoMessage, localEndpointMessage, mergePorts } from './write-endpoint.ts'
import { nodeMessage, rangesMessage } from './write-node.ts'
import { serviceMessage } from './write-service.ts'

const octet = fc.integer({ min: 1, max: 250 })
const address4 = fc.tuple(octet, octet).map(([a, b]) => ip(`10.1.${a}.${b}`))
const address6 = fc.tuple(octet, octet).map(([a, b]) => ip(`fd00:1::${a.toString(16)}:${b.toString(16)}`))
const addresses = fc
  .tuple(fc.uniqueArray(address4, { maxLength: 3 }), fc.uniqueArray(address6, { maxLength: 3 }))
  .map(([v4, v6]) => [...v4.sort(), ...v6.sort()])
const cidr = fc.tuple(octet, fc.integer({ min: 8, max: 32 })).map(([a, bits]) => {
  const parsed = parseCidr(`${a}.0.0.0/${bits}`)
  if (parsed === undefined) throw new Error('no range')
  return parsed
})
const name = fc.stringMatching(/^[a-z]([a-z0-9-]{0,9}[a-z0-9])?$/)
const port = fc.integer({ min: 1, max: 65535 })
const protocol = fc.constantFrom('TCP', 'UDP', 'SCTP')
const policy = fc.constantFrom('Cluster', 'Local')

const namedPorts: fc.Arbitrary<readonly ServicePort[]> = fc.uniqueArray(
  fc.record({
    name,
    protocol,
    port,
    nodePort: fc.oneof(fc.constant(0), port),
    targetPort: fc.oneof(fc.constant(undefined), port, name),
  }),
  { minLength: 1, maxLength: 4, selector: (entry) => entry.name },
)
/** A Service with one port may have no name for it. */
const ports = fc.oneof(
  namedPorts,
  namedPorts.map((list) => list.slice(0, 1).map((entry) => ({ ...entry, name: '' }))),
)

const labels = fc.dictionary(fc.stringMatching(/^sluice\.dev\/[a-z]{1,5}$/), fc.string(), {
  maxKeys: 3,
  noNullPrototype: true,
})

const services: fc.Arbitrary<Service> = fc.record({
  namespace: name,
  name,
  type: fc.constantFrom('ClusterIP', 'NodePort', 'LoadBalancer'),
  creationTimestamp: fc.integer({ min: 0, max: 4e12 }),
  clusterIPs: fc
    .tuple(address4, address6, fc.integer({ min: 0, max: 3 }))
    .map(([a, b, mask]) => [...(mask & 1 ? [a] : []), ...(mask & 2 ? [b] : [])]),
  externalIPs: addresses,
  loadBalancerIPs: addresses,
  ports,
  externalTrafficPolicy: policy,
  internalTrafficPolicy: policy,
  clientIPAffinitySeconds: fc.oneof(fc.constant(undefined), fc.integer({ min: 1, max: 86400 })),
  loadBalancerSourceRanges: fc.uniqueArray(cidr, { maxLength: 3 }).map((list) => list.sort()),
  healthCheckNodePort: fc.integer({ min: 0, max: 65535 }),
  labels,
  annotations: labels,
})

/** For which of a Service's ports an endpoint has a number. */
function portsOf(of: Service) {
  return fc
    .uniqueArray(fc.tuple(fc.constantFrom(...of.ports), port), {
      minLength: 1,
      selector: ([{ name: portName, protocol: portProtocol }]) => `${portName}/${portProtocol}`,
    })
    .map((chosen) =>
      chosen.map(([{ name: portName, protocol: portProtocol }, number]) => ({
        name: portName,
        protocol: portProtocol,
        port: number,
      })),
    )
}

describe('the local API', () => {
  it('tells everything that an agent in the same process would know', () => {
    const states = services.chain((of) => {
      const endpoints: fc.Arbitrary<LocalEndpoint> = fc.record({
        address: fc.oneof(address4, address6),
        local: fc.boolean(),
        unplaced: fc.boolean(),
        ready: fc.boolean(),
        ports: portsOf(of),
        scopes: fc.record({ internal: fc.boolean(), external: fc.boolean() }),
        inCluster: fc.boolean(),
        hostname: fc.oneof(fc.constant(''), name),
        podName: fc.constant(''),
      })
      return fc.tuple(fc.constant(of), fc.array(endpoints, { maxLength: 5 }))
    })
    fc.assert(
      fc.property(states, ([of, endpoints]) => {
        const key = serviceKey(of.namespace, of.name)
        const bytes = endpoints.map((entry) => encode(ENDPOINT, localEndpointMessage(entry, of)))
        const { local, problems } = readLocalService(key, encode(SERVICE, serviceMessage(of)), bytes, 'peer')
        expect(problems).toEqual([])
        expect(local?.service).toEqual(of)
        expect(local?.endpoints.map(inOrderOf(of))).toEqual(endpoints.map(inOrderOf(of)))
      }),
    )
  })

  it("has an address once in each standing, with all its ports, as KPNG's clients need it", () => {
    const http = { name: 'http', protocol: 'TCP', port: 8080 } as const
    const dns = { name: 'dns', protocol: 'UDP', port: 53 } as const
    const merged = mergePorts([
      localEndpoint('10.1.0.1', { ports: [http] }),
      localEndpoint('10.1.0.2', { ports: [http] }),
      localEndpoint('10.1.0.1', { ports: [dns] }),
      localEndpoint('10.1.0.1', { ports: [{ ...http, port: 8081 }] }),
      localEndpoint('10.1.0.2', { ports: [dns], ready: false }),
    ])
    expect(
      merged.map(({ address, ports: numbers }) => `${address} ${numbers.map((entry) => entry.port).join()}`),
    ).toEqual(['10.1.0.1 8080,53', '10.1.0.2 8080', '10.1.0.1 8081', '10.1.0.2 53'])
  })

  it('derives what KPNG does not say', () => {
    const of = service('web', { clusterIPs: [ip('10.0.0.1')] })
    const kpng = {
      ips: { v4: ['10.1.0.1'] },
      local: true,
      portoverrides: [{ name: 'http', port: 8080 }],
      scopes: { internal: true },
    }
    const { local } = readLocalService(
      serviceKey('default', 'web'),
      encode(SERVICE, serviceMessage(of)),
      [encode(ENDPOINT, kpng)],
      'peer',
    )
    expect(local?.endpoints).toEqual([
      localEndpoint('10.1.0.1', { local: true, scopes: { internal: true, external: false } }),
    ])
  })

  it("gives KPNG's clients the number of an unnamed port whose target has a name", () => {
    const of = service('web', { ports: [{ name: '', protocol: 'TCP', port: 80, nodePort: 0, targetPort: 'http' }] })
    const entry = localEndpoint('10.1.0.1', { ports: [{ name: '', protocol: 'TCP', port: 8080 }] })
    expect(localEndpointMessage(entry, of)['portoverrides']).toEqual([
      { name: '', port: 8080, protocol: 1 },
      { name: 'http', port: 8080 },
    ])
  })

  it('leaves out an endpoint that cannot be used, with a warning, and a Service with an error', () => {
    const of = service('web', { clusterIPs: [ip('10.0.0.1')] })
    const key = serviceKey('default', 'web')
    const good = encode(ENDPOINT, localEndpointMessage(localEndpoint('10.1.0.1'), of))
    const bad = [
      Buffer.from('garbage'),
      encode(ENDPOINT, { ips: { v4: ['127.0.0.1'] } }),
      encode(ENDPOINT, { ips: { v4: ['10.1.0.2'] }, portoverrides: [{ name: 'http', port: 1, protocol: 77 }] }),
    ]
    const { local, problems } = readLocalService(key, encode(SERVICE, serviceMessage(of)), [...bad, good], 'peer')
    expect(local?.endpoints.filter((entry) => entry.ports.length > 0 && entry.address === '10.1.0.1')).toHaveLength(1)
    expect(problems.map(({ severity }) => severity)).toEqual(['warning', 'warning', 'warning'])
    const wrong = readLocalService(serviceKey('default', 'other'), encode(SERVICE, serviceMessage(of)), [], 'peer')
    expect(wrong).toMatchObject({ local: undefined, problems: [{ severity: 'error' }] })
    expect(readLocalService(key, Buffer.from('garbage'), [], 'peer').local).toBeUndefined()
  })

  it('tells the node', () => {
    fc.assert(
      fc.property(nodes, (value) => {
        expect(readNode(encode(NODE, nodeMessage(value)), 'peer')).toEqual({ node: value, problems: [] })
      }),
    )
  })
})

const nodes: fc.Arbitrary<Node> = fc.record({
  name,
  labels: fc.oneof(
    fc.constant({}),
    name.map((zone) => ({ 'topology.kubernetes.io/zone': zone })),
  ),
  annotations: fc.constant({}),
  addresses,
  podCIDRs: fc.uniqueArray(cidr, { maxLength: 2 }),
  isLeaving: fc.boolean(),
})

/** The ports in the order of the Service's, which is how they are read. */
function inOrderOf(of: Service) {
  return (entry: LocalEndpoint) => ({
    ...entry,
    ports: of.ports.flatMap(({ name: portName }) => entry.ports.filter((candidate) => candidate.name === portName)),
  })
}

describe('the global API', () => {
  it('tells all Services and slices of a cluster', () => {
    const states = services.chain((of) => {
      const endpoints = fc.record({
        ready: fc.boolean(),
        serving: fc.boolean(),
        terminating: fc.boolean(),
        nodeName: fc.oneof(fc.constant(''), name),
        zone: fc.oneof(fc.constant(''), name),
        hostname: fc.oneof(fc.constant(''), name),
        podName: fc.oneof(fc.constant(''), name),
        hintZones: fc.uniqueArray(name, { maxLength: 2 }),
        hintNodes: fc.uniqueArray(name, { maxLength: 2 }),
      })
      const slices: fc.Arbitrary<EndpointSlice> = fc
        .tuple(portsOf(of), fc.array(fc.tuple(address4, endpoints), { minLength: 1, maxLength: 4 }))
        .map(([numbers, list]) =>
          slice(`${of.name}-1`, of.name, {
            namespace: of.namespace,
            service: serviceKey(of.namespace, of.name),
            ports: of.ports.flatMap(({ name: portName }) => numbers.filter((entry) => entry.name === portName)),
            endpoints: list.map(([address, more]) => endpoint(address, more)),
          }),
        )
      return fc.tuple(fc.constant(of), slices)
    })
    fc.assert(
      fc.property(states, ([of, given]) => {
        const infos = given.endpoints.map((entry) => encode(ENDPOINT_INFO, endpointInfoMessage(given, entry, of)))
        const info = encode(SERVICE_INFO, { hash: 1n, service: serviceMessage(of) })
        const { objects, problems } = readGlobalService(info, infos, 'peer')
        expect(problems).toEqual([])
        expect(objects).toEqual([
          { kind: 'Service', value: of },
          { kind: 'EndpointSlice', value: given },
        ])
      }),
    )
  })

  it('takes conditions that KPNG left out for ready, and one that is false for not ready', () => {
    const info = encode(SERVICE_INFO, { service: serviceMessage(service('web', { clusterIPs: [ip('10.0.0.1')] })) })
    const of = (conditions: object | undefined) =>
      encode(ENDPOINT_INFO, { sourcename: 'web-1', endpoint: { ips: { v4: ['10.1.0.1'] } }, conditions })
    const read = [undefined, {}, { ready: true }].map((conditions) => {
      const [, found] = readGlobalService(info, [of(conditions)], 'peer').objects
      return found?.kind === 'EndpointSlice' ? found.value.endpoints[0] : undefined
    })
    expect(read).toMatchObject([
      { ready: true, serving: true },
      { ready: false, serving: false },
      { ready: true, serving: true },
    ])
  })

  it('tells nodes and ranges', () => {
    const value = node('node-1', { addresses: [ip('192.0.2.1')], isLeaving: true })
    const bytes = encode(NODE_INFO, { hash: 1n, node: nodeMessage(value) })
    expect(readGlobalNode(bytes, 'peer').objects).toEqual([{ kind: 'Node', value }])
    const cidrs = ['10.96.0.0/12', 'fd00:96::/108'].flatMap((text) => parseCidr(text) ?? [])
    const ranges = encode(SERVICE_CIDR_INFO, { name: 'kubernetes', ranges: rangesMessage(cidrs) })
    expect(readGlobalServiceCIDR(ranges, 'peer').objects).toEqual([
      { kind: 'ServiceCIDR', value: { name: 'kubernetes', cidrs } },
    ])
    expect(readGlobalNode(Buffer.from('garbage'), 'peer')).toMatchObject({ objects: [], failed: ['', ''] })
  })
})
