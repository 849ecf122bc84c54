import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { ip, local, localEndpoint, service } from '../../../test/fixtures/services.ts'
import { kpngJson } from './kpng-json.ts'

test('it is what encoding/json of Go makes of the messages, with the names that they have in proto/', () => {
  const of = service('web', {
    type: 'LoadBalancer',
    creationTimestamp: 7,
    clusterIPs: [ip('10.96.0.1'), ip('fd00::1')],
    externalIPs: [ip('192.0.2.1')],
    loadBalancerIPs: [ip('198.51.100.1')],
    ports: [{ name: 'http', protocol: 'UDP', port: 80, nodePort: 30080, targetPort: 'web' }],
    externalTrafficPolicy: 'Local',
    internalTrafficPolicy: 'Local',
    clientIPAffinitySeconds: 60,
    loadBalancerSourceRanges: ['10.0.0.0/8' as never],
    healthCheckNodePort: 32000,
    labels: { name: 'x' },
    annotations: { a: '' },
  })
  const all = { local: true, ready: true, inCluster: true, unplaced: true, hostname: 'h', podName: 'p' }
  const endpoint = localEndpoint('10.0.0.1', { ...all, ports: [{ name: 'http', protocol: 'UDP', port: 8080 }] })
  const result = kpngJson(local(of, [endpoint]))
  expect(result).toEqual({
    Service: {
      Namespace: 'default',
      Name: 'web',
      Type: 'LoadBalancer',
      IPs: {
        ClusterIPs: { V4: ['10.96.0.1'], V6: ['fd00::1'] },
        ExternalIPs: { V4: ['192.0.2.1'] },
        LoadBalancerIPs: { V4: ['198.51.100.1'] },
      },
      Ports: [{ Name: 'http', Protocol: 2, Port: 80, NodePort: 30080, TargetPortName: 'web' }],
      ExternalTrafficToLocal: true,
      Labels: { name: 'x' },
      Annotations: { a: '' },
      IPFilters: [{ TargetIPs: { V4: ['198.51.100.1'] }, SourceRanges: ['10.0.0.0/8'] }],
      SessionAffinity: { ClientIP: { TimeoutSeconds: 60 } },
      InternalTrafficToLocal: true,
      HealthCheckNodePort: 32000,
      CreationTimestamp: 7,
    },
    Endpoints: [
      {
        Hostname: 'h',
        IPs: { V4: ['10.0.0.1'] },
        Local: true,
        PortOverrides: [{ Name: 'http', Port: 8080, Protocol: 2 }],
        Scopes: { Internal: true, External: true },
        Standing: { Ready: true, InCluster: true, Unplaced: true },
      },
    ],
  })
  const proto = readFileSync(new URL('../../../proto/localv1/api.proto', import.meta.url), 'utf8')
  const known = new Set(
    [...proto.matchAll(/(?:^\s+(?:repeated )?(?:\w+|map<\w+, \w+>) (\w+) = \d+;|oneof (\w+) \{)/gm)].map(
      ([, field, oneof]) => field ?? oneof,
    ),
  )
  const names = namesOf(result, ['Labels', 'Annotations', 'Service', 'Endpoints'])
  expect(names.filter((name) => !known.has(name))).toEqual([])
})

/** Keys at any depth, without those whose values have keys of their own choice, and without those of KPNG's own pair. */
function namesOf(value: unknown, not: readonly string[]): string[] {
  if (typeof value !== 'object' || value === null) return []
  if (Array.isArray(value)) return value.flatMap((entry) => namesOf(entry, not))
  return Object.entries(value).flatMap(([key, entry]) => {
    if (key === 'Service' || key === 'Endpoints') return namesOf(entry, not)
    return not.includes(key) ? [] : [key, ...namesOf(entry, not)]
  })
}

test('what is empty is left out', () => {
  expect(kpngJson(local(service('web', { ports: [] })))).toEqual({
    Service: {
      Namespace: 'default',
      Name: 'web',
      Type: 'ClusterIP',
      IPs: { ClusterIPs: {}, ExternalIPs: {}, Headless: true, LoadBalancerIPs: {} },
    },
    Endpoints: [],
  })
})
