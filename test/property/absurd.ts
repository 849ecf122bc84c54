import { endpointSlice, type Manifest, service } from '../sluice/manifests.ts'

/** Objects of absurd size, and what they come to. */
interface Absurd {
  readonly objects: () => readonly Manifest[]
  readonly virtualServers: number
  readonly endpoints: number
}

const HTTP = { name: 'http', port: 80 }
const SERVED = { name: 'http', port: 8080 }
const PORTS = 65_535

/** 10.200.0.0 and on. */
function address(number: number): string {
  return `10.${200 + (number >> 16)}.${(number >> 8) & 255}.${number & 255}`
}

function addresses(count: number, from = 1): string[] {
  return Array.from({ length: count }, (_, i) => address(from + i))
}

function web(spec: Manifest = {}): Manifest {
  return service('absurd', { clusterIPs: ['10.98.0.1'], ports: [HTTP], spec })
}

/** By what is absurd about them. All are Services `default/absurd...`. */
export const ABSURD: Readonly<Record<string, Absurd>> = {
  '10,000 endpoints in one slice': {
    objects: () => [web(), endpointSlice('absurd', { ports: [SERVED], endpoints: addresses(10_000) })],
    virtualServers: 1,
    endpoints: 10_000,
  },
  '10,000 endpoints in 100 slices that overlap': {
    objects: () => [
      web(),
      ...Array.from({ length: 100 }, (_, i) =>
        endpointSlice('absurd', { name: `absurd-${i}`, ports: [SERVED], endpoints: addresses(101, i * 100) }),
      ),
    ],
    virtualServers: 1,
    endpoints: 10_001,
  },
  '10,000 endpoints of which 9,999 are one': {
    objects: () => [
      web(),
      endpointSlice('absurd', { ports: [SERVED], endpoints: [address(2), ...Array<string>(9_999).fill(address(1))] }),
    ],
    virtualServers: 1,
    endpoints: 2,
  },
  '65,535 ports': {
    objects: () => {
      const ports = Array.from({ length: PORTS }, (_, i) => ({ name: `p${i + 1}`, port: i + 1 }))
      return [
        service('absurd', { clusterIPs: ['10.98.0.1'], ports }),
        endpointSlice('absurd', { ports, endpoints: [address(1)] }),
      ]
    },
    virtualServers: PORTS,
    endpoints: PORTS,
  },
  '1,000 claims on one destination': {
    objects: () =>
      Array.from({ length: 1000 }, (_, i) => service(`absurd-${i}`, { clusterIPs: ['10.98.0.1'], ports: [HTTP] })),
    virtualServers: 1,
    endpoints: 0,
  },
  '5,000 source ranges': {
    objects: () => [
      service('absurd', {
        type: 'LoadBalancer',
        clusterIPs: ['10.98.0.1'],
        ingress: [{ ip: '192.0.2.1' }],
        ports: [HTTP],
        spec: { loadBalancerSourceRanges: addresses(5000).map((each) => `${each}/32`) },
      }),
    ],
    virtualServers: 2,
    endpoints: 0,
  },
  '10,000 external IPs': {
    objects: () => [web({ externalIPs: addresses(10_000) })],
    virtualServers: 10_001,
    endpoints: 0,
  },
  'annotations and labels of 100 KB': {
    objects: () => {
      const large = { 'service.kubernetes.io/large': 'x'.repeat(100_000), ['y'.repeat(100_000)]: 'z'.repeat(100_000) }
      return [{ ...web(), metadata: { name: 'absurd', annotations: large, labels: large } }]
    },
    virtualServers: 1,
    endpoints: 0,
  },
}
