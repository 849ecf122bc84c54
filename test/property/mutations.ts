import type { Manifest } from '../sluice/manifests.ts'

/** Where a value is in an object: keys, and positions in lists. */
export type Path = readonly string[]

/** Paths of all fields and entries of a value, the outer ones first. */
export function pathsIn(value: unknown, path: Path = []): Path[] {
  const entries = typeof value === 'object' && value !== null ? Object.entries(value) : []
  return entries.flatMap(([key, inner]) => [[...path, key], ...pathsIn(inner, [...path, key])])
}

/** `spec.ports[0].port`, as problems name a field; the keys of labels are quoted. */
export function pathText(path: Path): string {
  return path
    .map((key, i) => {
      if (/^\d+$/.test(key)) return `[${key}]`
      if (!/^\w+$/.test(key)) return `[${JSON.stringify(key)}]`
      return i === 0 ? key : `.${key}`
    })
    .join('')
}

/** The object with another value at a path. */
export function replaced(value: unknown, [key, ...rest]: Path, by: unknown): unknown {
  if (key === undefined) return by
  if (Array.isArray(value)) {
    return value.map((inner: unknown, i) => (String(i) === key ? replaced(inner, rest, by) : inner))
  }
  const object = value as Record<string, unknown>
  return { ...object, [key]: replaced(object[key], rest, by) }
}

/** The value with a watch on it: `onRead` is told the path of whatever is looked at. */
export function watched(value: unknown, onRead: (path: Path) => void, path: Path = []): unknown {
  if (typeof value !== 'object' || value === null) return value
  return new Proxy(value, {
    get: (target, key) => {
      const inner: unknown = Reflect.get(target, key)
      if (typeof key === 'symbol' || !Object.hasOwn(target, key) || key === 'length') return inner
      onRead([...path, key])
      return watched(inner, onRead, [...path, key])
    },
  })
}

/** Something of every JSON type, right for hardly any field. */
export const JSON_VALUES: readonly unknown[] = [
  true,
  false,
  0,
  -1,
  1.5,
  65_536,
  1e300,
  '',
  'a b/c',
  '10.0.0.1\n',
  'x'.repeat(100_000),
  [],
  [null],
  [[]],
  [{}],
  ['a b/c'],
  {},
  { name: {} },
]

/** What the fields are that Kubernetes has, and a value for each that Sluice has use for. */
export const FULL_OBJECTS: Readonly<Record<'Service' | 'EndpointSlice' | 'Node', Manifest>> = {
  Service: {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: 'bad',
      namespace: 'shop',
      uid: 'e2f9e9a4-6a4b-4c07-8a4e-111111111111',
      resourceVersion: '12',
      generation: 1,
      creationTimestamp: '2026-01-01T00:00:00Z',
      labels: { app: 'web', 'service.kubernetes.io/topology': 'x' },
      annotations: { 'service.kubernetes.io/topology-mode': 'Auto', other: 'x' },
      ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'u' }],
      finalizers: ['service.kubernetes.io/load-balancer-cleanup'],
      managedFields: [{ manager: 'kubectl', fieldsV1: { 'f:spec': {} } }],
    },
    spec: {
      type: 'LoadBalancer',
      clusterIP: '10.97.0.1',
      clusterIPs: ['10.97.0.1', 'fd00:97::1'],
      ipFamilies: ['IPv4', 'IPv6'],
      ipFamilyPolicy: 'PreferDualStack',
      selector: { app: 'web' },
      ports: [
        { name: 'http', protocol: 'TCP', appProtocol: 'http', port: 80, targetPort: 'web', nodePort: 31080 },
        { name: 'dns', protocol: 'UDP', port: 53, targetPort: 5353, nodePort: 31053 },
      ],
      externalIPs: ['198.51.100.7', '2001:db8:7::7'],
      externalName: 'web.example',
      loadBalancerIP: '198.51.100.8',
      loadBalancerClass: 'example.com/lb',
      loadBalancerSourceRanges: ['203.0.113.0/24', '2001:db8:5::/48'],
      allocateLoadBalancerNodePorts: true,
      externalTrafficPolicy: 'Local',
      internalTrafficPolicy: 'Local',
      trafficDistribution: 'PreferSameZone',
      healthCheckNodePort: 32000,
      publishNotReadyAddresses: false,
      sessionAffinity: 'ClientIP',
      sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } },
    },
    status: {
      loadBalancer: {
        ingress: [{ ip: '198.51.100.9', ipMode: 'VIP', hostname: 'lb', ports: [{ port: 80, protocol: 'TCP' }] }],
      },
      conditions: [{ type: 'Ready', status: 'True' }],
    },
  },
  EndpointSlice: {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 'bad-1', namespace: 'shop', labels: { 'kubernetes.io/service-name': 'bad', app: 'web' } },
    addressType: 'IPv4',
    ports: [
      { name: 'http', protocol: 'TCP', port: 8080, appProtocol: 'http' },
      { name: 'dns', protocol: 'UDP', port: 5353 },
    ],
    endpoints: [
      {
        addresses: ['10.244.9.1', '10.244.9.2'],
        conditions: { ready: true, serving: true, terminating: false },
        hostname: 'web-0',
        nodeName: 'node-1',
        zone: 'zone-a',
        targetRef: { kind: 'Pod', namespace: 'shop', name: 'web-0', uid: 'u' },
        hints: { forZones: [{ name: 'zone-a' }], forNodes: [{ name: 'node-1' }] },
        deprecatedTopology: { a: 'b' },
      },
      { addresses: ['10.244.9.3'], conditions: { ready: false } },
    ],
  },
  Node: {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name: 'node-9',
      labels: { 'kubernetes.io/hostname': 'node-9', 'topology.kubernetes.io/zone': 'zone-a', other: 'x' },
      annotations: { a: 'b' },
    },
    spec: { podCIDR: '10.244.9.0/24', podCIDRs: ['10.244.9.0/24', 'fd00:244:9::/64'], taints: [{ key: 'a' }] },
    status: {
      addresses: [
        { type: 'InternalIP', address: '172.18.0.9' },
        { type: 'ExternalIP', address: '198.51.100.19' },
        { type: 'Hostname', address: 'node-9' },
      ],
      conditions: [{ type: 'Ready', status: 'True' }],
    },
  },
}
