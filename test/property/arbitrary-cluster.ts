import fc from 'fast-check'
import type { Manifest } from '../sluice/manifests.ts'

/** The node whose view is tested. */
export const NODE = 'node-1'

/** Few of everything, so that objects collide and replace each other. Descriptions of packets are taken from here, too. */
export const POOLS = {
  services: [
    { namespace: 'shop', name: 'web' },
    { namespace: 'shop', name: 'db' },
    // Between `shop/` and `shop-eu/` order differs for names that are put together.
    { namespace: 'shop-eu', name: 'a' },
    { namespace: 'shop', name: 'web-2' },
  ],
  slices: ['s-1', 's-2', 's-3', 's-4', 's-5'],
  clusterIPs: { 4: ['10.96.0.1', '10.96.0.2', '10.96.0.3'], 6: ['fd00:96::1', 'fd00:96::2'] },
  external: { 4: ['192.0.2.1', '192.0.2.2', '10.96.0.3'], 6: ['2001:db8::1', 'fd00:96::2'] },
  ports: [80, 443],
  nodePorts: [30080, 30443],
  protocols: ['TCP', 'UDP', 'SCTP'],
  pods: { 4: ['10.244.1.1', '10.244.1.2', '10.244.2.1', '10.244.2.2'], 6: ['fd00:244::1', 'fd00:244::2'] },
  targetPorts: [8080, 8443],
  nodes: [NODE, 'node-2'],
  zones: ['zone-a', 'zone-b'],
  nodeAddresses: ['172.18.0.2', '172.18.0.3', 'fc00::2'],
  sourceRanges: ['203.0.113.0/24', '203.0.113.128/25', ' 10.0.0.0/8 ', '0.0.0.0/0', '2001:db8:5::/48', '::/0'],
  clusterCIDRs: ['10.244.0.0/16', 'fd00:244::/32'],
} as const

/** Who opens a connection. */
export const CLIENTS = {
  pod: { 4: '10.244.1.9', 6: 'fd00:244::9' },
  node: { 4: '172.18.0.2', 6: 'fc00::2' },
  outside: { 4: '203.0.113.5', 6: '2001:db8:6::5' },
  'outside, in the other half': { 4: '203.0.113.200', 6: '2001:db8:5::5' },
} as const

/** One change of an object. */
export type Change = { readonly set: Manifest } | { readonly delete: string }

/**
 * What happens next. The changes of one update come at once; a node that is slow sees several updates as one. With
 * `restart` the agent ends and a new one takes the kernel over, with `resync` it compares the kernel.
 */
export type Step = readonly (readonly Change[])[] | 'restart' | 'resync'

/** Mostly the first, so that there are slices for the Services that there are. */
const identity = fc.oneof(
  { weight: 3, arbitrary: fc.constant(POOLS.services[0]) },
  { weight: 2, arbitrary: fc.constantFrom(...POOLS.services) },
)

const oneOf = <T>(values: readonly T[]) => fc.constantFrom(...values)
const maybe = <T>(arbitrary: fc.Arbitrary<T>, freq = 2) => fc.option(arbitrary, { nil: undefined, freq })
const some = <T>(values: readonly T[], maxLength = values.length) =>
  fc.array(oneOf(values), { maxLength }).map((list) => [...new Set(list)])

const clusterIPs = fc.oneof(
  { weight: 5, arbitrary: oneOf(POOLS.clusterIPs[4]).map((v4) => [v4]) },
  { weight: 1, arbitrary: oneOf(POOLS.clusterIPs[6]).map((v6) => [v6]) },
  { weight: 5, arbitrary: fc.tuple(oneOf(POOLS.clusterIPs[4]), oneOf(POOLS.clusterIPs[6])) },
  { weight: 2, arbitrary: fc.tuple(oneOf(POOLS.clusterIPs[6]), oneOf(POOLS.clusterIPs[4])) },
  { weight: 1, arbitrary: oneOf<string[]>([['None'], []]) },
)

interface PortManifest {
  readonly name?: string | undefined
  readonly port: number
  readonly protocol?: string | undefined
  readonly nodePort: number
}

const servicePort: fc.Arbitrary<PortManifest> = fc.record({
  name: oneOf(['http', 'https', '', undefined]),
  port: oneOf(POOLS.ports),
  protocol: oneOf([...POOLS.protocols, 'TCP', undefined]),
  nodePort: oneOf([0, ...POOLS.nodePorts]),
})

/** As the API server lets them pass: a port by itself may have no name, and nothing is there twice. */
const servicePorts = fc.array(servicePort, { minLength: 1, maxLength: 3 }).map((all) => {
  const ports: PortManifest[] = []
  for (const port of all) {
    const protocol = port.protocol ?? 'TCP'
    const isNamed = port.name !== '' && port.name !== undefined
    const collides = ports.some(
      (other) =>
        (other.name ?? '') === (port.name ?? '') ||
        ((other.protocol ?? 'TCP') === protocol && (other.port === port.port || other.nodePort === port.nodePort)),
    )
    if (ports.length === 0 || (isNamed && !collides)) ports.push(port)
  }
  const [first] = ports
  return ports.length > 1 && first !== undefined
    ? [{ ...first, name: first.name || 'first' }, ...ports.slice(1)]
    : ports
})

const ingress = fc.oneof(
  fc.record({
    ip: oneOf([...POOLS.external[4], ...POOLS.external[6]]),
    ipMode: oneOf(['VIP', undefined, undefined, 'Proxy']),
  }),
  fc.constant({ hostname: 'lb.example' }),
)

const service: fc.Arbitrary<Manifest> = fc
  .record({
    identity,
    type: fc.oneof(
      { weight: 15, arbitrary: oneOf(['ClusterIP', undefined, 'NodePort', 'LoadBalancer', 'LoadBalancer']) },
      { weight: 1, arbitrary: fc.constant('ExternalName') },
    ),
    addresses: clusterIPs,
    ports: servicePorts,
    externalIPs: maybe(some([...POOLS.external[4], ...POOLS.external[6]], 2)),
    ingress: fc.array(ingress, { maxLength: 3 }),
    internalTrafficPolicy: oneOf(['Cluster', undefined, 'Local']),
    externalTrafficPolicy: oneOf(['Cluster', undefined, 'Local']),
    sessionAffinity: oneOf([undefined, 'None', 'ClientIP']),
    timeoutSeconds: oneOf([undefined, 60, 86_400]),
    ranges: maybe(some(POOLS.sourceRanges, 3)),
    created: oneOf([undefined, '2026-01-01T00:00:00Z', '2026-02-01T00:00:00Z']),
    labels: fc.oneof(
      { weight: 30, arbitrary: fc.constant(undefined) },
      { weight: 1, arbitrary: fc.constant({ 'service.kubernetes.io/service-proxy-name': 'other' }) },
      { weight: 1, arbitrary: fc.constant({ 'service.kubernetes.io/headless': '' }) },
    ),
  })
  .map(({ identity, type, addresses, ports, ...of }) => {
    const hasNodePorts = type === 'NodePort' || type === 'LoadBalancer'
    return {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { ...identity, creationTimestamp: of.created, labels: of.labels },
      spec: {
        type,
        clusterIP: addresses[0],
        clusterIPs: addresses,
        ports: hasNodePorts ? ports : ports.map(({ nodePort: _, ...port }) => port),
        externalIPs: of.externalIPs,
        internalTrafficPolicy: of.internalTrafficPolicy,
        externalTrafficPolicy: of.externalTrafficPolicy,
        sessionAffinity: of.sessionAffinity,
        sessionAffinityConfig: of.timeoutSeconds && { clientIP: { timeoutSeconds: of.timeoutSeconds } },
        loadBalancerSourceRanges: of.ranges,
      },
      status: type === 'LoadBalancer' ? { loadBalancer: { ingress: of.ingress } } : undefined,
    }
  })

const condition = oneOf([undefined, null, true, true, false])

const hints = fc.record({
  forZones: maybe(some(POOLS.zones).map((names) => names.map((name) => ({ name })))),
  forNodes: maybe(
    some(POOLS.nodes).map((names) => names.map((name) => ({ name }))),
    4,
  ),
})

const endpoint = (addresses: readonly string[]) =>
  fc.record({
    addresses: fc.array(oneOf(addresses), { minLength: 1, maxLength: 2 }),
    conditions: maybe(fc.record({ ready: condition, serving: condition, terminating: condition }), 4),
    nodeName: oneOf([...POOLS.nodes, undefined, null]),
    hints: maybe(hints),
  })

interface SlicePortManifest {
  readonly name: string | null | undefined
  readonly port: number | null | undefined
  readonly protocol: string | undefined
}

/** A port for each that a Service may have. */
const allPorts = fc.array(oneOf(POOLS.targetPorts), { minLength: 12, maxLength: 12 }).map((numbers) => {
  const names = ['http', 'https', 'first', '']
  return names.flatMap((name, i) =>
    POOLS.protocols.map((protocol, j) => ({ name, protocol, port: numbers[i * POOLS.protocols.length + j] })),
  )
})

const somePorts = fc.uniqueArray(
  fc.record({
    name: oneOf(['http', 'http', 'https', 'first', '', '', null, undefined]),
    port: fc.oneof(
      { weight: 5, arbitrary: oneOf(POOLS.targetPorts) },
      { weight: 1, arbitrary: oneOf([0, null, undefined]) },
    ),
    protocol: oneOf(['TCP', undefined, 'UDP', 'SCTP']),
  }),
  { minLength: 1, maxLength: 4, selector: ({ name, protocol }) => `${name ?? 'none'} ${protocol ?? 'TCP'}` },
)

const slicePorts: fc.Arbitrary<SlicePortManifest[]> = fc.oneof(
  { weight: 1, arbitrary: somePorts },
  { weight: 2, arbitrary: allPorts },
)

const endpointSlice: fc.Arbitrary<Manifest> = fc
  .record({
    name: oneOf(POOLS.slices),
    of: identity,
    labels: fc.oneof(
      { weight: 30, arbitrary: fc.constant({}) },
      { weight: 1, arbitrary: fc.constant({ 'service.kubernetes.io/headless': '' }) },
      { weight: 1, arbitrary: fc.constant({ 'kubernetes.io/service-name': undefined }) },
    ),
    addressType: fc.oneof(
      { weight: 15, arbitrary: oneOf(['IPv4', 'IPv4', 'IPv4', 'IPv6']) },
      { weight: 1, arbitrary: fc.constant('FQDN') },
    ),
    ports: slicePorts,
  })
  .chain(({ name, of, labels, addressType, ports }) => {
    const addresses = { IPv4: POOLS.pods[4], IPv6: POOLS.pods[6], FQDN: ['web.example'] }[addressType] ?? []
    const few = fc.array(endpoint(addresses), { minLength: 1, maxLength: 5, size: 'max' })
    // More than have a chain at hand.
    const many = fc
      .record({ count: fc.integer({ min: 31, max: 45 }), like: endpoint(addresses) })
      .map(({ count, like }) =>
        Array.from({ length: count }, (_, i) => ({ ...like, addresses: [`10.244.3.${i + 1}`] })),
      )
    const endpoints =
      addressType === 'IPv4' ? fc.oneof({ weight: 15, arbitrary: few }, { weight: 1, arbitrary: many }) : few
    return endpoints.map((list) => ({
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: {
        namespace: of.namespace,
        name,
        labels: { 'kubernetes.io/service-name': of.name, ...labels },
      },
      addressType,
      ports,
      endpoints: list,
    }))
  })

const node: fc.Arbitrary<Manifest> = fc
  .record({
    name: oneOf([NODE, NODE, 'node-2']),
    zone: oneOf([...POOLS.zones, '', undefined]),
    addresses: some(POOLS.nodeAddresses),
  })
  .map(({ name, zone, addresses }) => ({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: { 'topology.kubernetes.io/zone': zone } },
    status: { addresses: addresses.map((address) => ({ type: 'InternalIP', address })) },
  }))

const object = fc.oneof(
  { weight: 6, arbitrary: service },
  { weight: 7, arbitrary: endpointSlice },
  { weight: 1, arbitrary: node },
)

/** `Service ns/name`, as the store names it. */
export function idOf(manifest: Manifest): string {
  const { kind, metadata } = manifest as { kind: string; metadata: { namespace?: string; name: string } }
  return metadata.namespace === undefined
    ? `${kind} ${metadata.name}`
    : `${kind} ${metadata.namespace}/${metadata.name}`
}

const change: fc.Arbitrary<Change> = fc.oneof(
  { weight: 4, arbitrary: object.map((manifest) => ({ set: manifest })) },
  { weight: 1, arbitrary: object.map((manifest) => ({ delete: idOf(manifest) })) },
)

/** The objects of a cluster, in the order in which they come; of two with one name the later one counts. */
export const arbitraryObjects = fc
  .tuple(
    fc.array(service, { minLength: 2, maxLength: 6, size: 'max' }),
    fc.array(endpointSlice, { minLength: 3, maxLength: 10, size: 'max' }),
    fc.array(node, { maxLength: 2 }),
  )
  .map(([services, slices, nodes]): Manifest[] => [...services, ...slices, ...nodes])

const update = fc.array(change, { minLength: 1, maxLength: 4 })

export const arbitrarySteps: fc.Arbitrary<readonly Step[]> = fc
  .tuple(
    arbitraryObjects,
    fc.array(
      fc.oneof<fc.WeightedArbitrary<Step>[]>(
        { weight: 12, arbitrary: fc.array(update, { minLength: 1, maxLength: 3 }) },
        { weight: 1, arbitrary: fc.constant('restart') },
        { weight: 1, arbitrary: fc.constant('resync') },
      ),
      { maxLength: 10 },
    ),
  )
  .map(([objects, steps]) => [[objects.map((manifest) => ({ set: manifest }))], ...steps])
