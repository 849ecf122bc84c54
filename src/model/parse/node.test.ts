import { expect, test } from 'vitest'
import { parseObject } from './object.ts'

const node = (fields: object): object => ({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-1' }, ...fields })

test('a whole Node', () => {
  const value = node({
    metadata: {
      name: 'node-1',
      labels: { 'kubernetes.io/hostname': 'node-1', 'topology.kubernetes.io/zone': 'a', 'kubernetes.io/os': 'linux' },
      annotations: { 'sluice.dev/x': 'y' },
    },
    spec: { podCIDR: '10.244.1.0/24', podCIDRs: ['10.244.1.0/24', 'fd00:10:244::/64'] },
    status: {
      addresses: [
        { type: 'ExternalIP', address: '192.0.2.1' },
        { type: 'Hostname', address: 'node-1' },
        { type: 'InternalIP', address: '10.0.0.1' },
        { type: 'InternalIP', address: 'FD00::1' },
        { type: 'InternalIP', address: '10.0.0.1' },
      ],
    },
  })
  const { objects, problems } = parseObject(value, '')
  expect(problems).toEqual([])
  expect(objects[0]?.value).toEqual({
    name: 'node-1',
    labels: { 'kubernetes.io/hostname': 'node-1', 'topology.kubernetes.io/zone': 'a' },
    annotations: {},
    addresses: ['10.0.0.1', 'fd00::1', '192.0.2.1'],
    podCIDRs: ['10.244.1.0/24', 'fd00:10:244::/64'],
    isLeaving: false,
  })
})

test.each([
  [
    'the taint of the cluster autoscaler',
    { spec: { taints: [{ key: 'x' }, { key: 'ToBeDeletedByClusterAutoscaler' }] } },
    true,
  ],
  ['a deletionTimestamp', { metadata: { name: 'node-1', deletionTimestamp: '2026-01-01T00:00:00Z' } }, true],
  ['another taint', { spec: { taints: [{ key: 'other', effect: 'NoSchedule' }] } }, false],
])('a node with %s (promise 85)', (_, fields, isLeaving) => {
  expect(parseObject(node(fields), '').objects[0]?.value).toMatchObject({ isLeaving })
})

test('podCIDR stands for an empty podCIDRs', () => {
  expect(parseObject(node({ spec: { podCIDR: '10.244.1.0/24' } }), '').objects[0]?.value).toMatchObject({
    podCIDRs: ['10.244.1.0/24'],
  })
})

test('bad entries are left out', () => {
  const addresses = [1, { type: 'InternalIP' }, { type: ['InternalIP'], address: '10.0.0.1' }]
  const value = node({ spec: { podCIDRs: ['x', '10.244.1.0/24'] }, status: { addresses } })
  const { objects, problems } = parseObject(value, '')
  expect(objects[0]?.value).toMatchObject({ addresses: [], podCIDRs: ['10.244.1.0/24'] })
  expect(problems.map(({ field }) => field).sort()).toEqual([
    'spec.podCIDRs[0]',
    'status.addresses[0]',
    'status.addresses[1].address',
    'status.addresses[2].type',
  ])
})

test('no usable name', () => {
  expect(parseObject(node({ metadata: { name: 'a/b' } }), '')).toMatchObject({
    objects: [],
    problems: [{ severity: 'error', object: 'Node "a/b"', field: 'metadata.name' }],
  })
})
