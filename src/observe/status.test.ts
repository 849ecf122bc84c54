import { expect, test } from 'vitest'
import { problemText, type Status, statusText } from './status.ts'

const status: Status = {
  instance: 'default',
  version: '1.0.0',
  pid: 7,
  state: 'failing',
  plane: 'nft',
  nodeName: 'n1',
  startedAt: '2026-01-01T00:00:00.000Z',
  revision: 9,
  servedRevision: 8,
  lastSync: '',
  lastError: 'the kernel refused',
  counts: {
    services: 1,
    endpointSlices: 2,
    nodes: 3,
    virtualServers: 4,
    endpoints: 5,
    transactions: 6,
    driftRepaired: 7,
    staleFlowsDeleted: 8,
  },
  nodeAddresses: ['10.0.0.1', 'fd00::1'],
  problems: [
    { severity: 'error', object: 'Service a/b', field: 'spec.ports[0].port', message: 'no', origin: 'f.yaml:3' },
  ],
}

test('the status for people', () => {
  expect(statusText(status)).toBe(
    [
      'instance   default (pid 7, sluice 1.0.0, since 2026-01-01T00:00:00.000Z)',
      'state      failing: the kernel refused',
      'plane      nft on node n1',
      'revision   9, served 8',
      'cluster    1 Services, 2 EndpointSlices, 3 Nodes',
      'last sync  none yet',
      'kernel     4 virtual servers, 5 endpoints',
      'node ports 10.0.0.1, fd00::1',
      'writes     6 transactions, drift repaired 7 times',
      'stale UDP  8 flows deleted',
      'problems   1',
      '  error: Service a/b spec.ports[0].port: no (f.yaml:3)',
      '',
    ].join('\n'),
  )
})

test('of a server of the API: its streams, and nothing of a kernel', () => {
  const counts = { ...status.counts, streams: 3, streamsBehind: 1 }
  const server = {
    ...status,
    plane: 'api',
    nodeName: '',
    lastError: '',
    state: 'serving',
    counts,
    problems: [],
  } as const
  expect(statusText(server)).toBe(
    [
      'instance   default (pid 7, sluice 1.0.0, since 2026-01-01T00:00:00.000Z)',
      'state      serving',
      'plane      api',
      'revision   9, served 8',
      'cluster    1 Services, 2 EndpointSlices, 3 Nodes',
      'streams    3, of which 1 have not taken everything yet',
      'problems   0',
      '',
    ].join('\n'),
  )
})

test('a problem of a whole file begins with the file', () => {
  const problem = { severity: 'error', object: '', field: '', message: 'too large', origin: 'f.yaml' } as const
  expect(problemText(problem)).toBe('error: f.yaml: too large')
})
