import { afterEach, expect, test, vi } from 'vitest'
import { TestServer } from '../../test/fixtures/api-server.ts'
import { endpoint, ip, service, slice } from '../../test/fixtures/services.ts'
import { isGrpcError } from '../grpc/error.ts'
import type { ClusterObject } from '../model/object.ts'
import { fullState } from '../sink/full-state.ts'
import type { SinkHealth } from '../sink/hooks.ts'
import { incremental } from '../sink/incremental.ts'
import { LocalClient } from './local-client.ts'
import { type RunClientOptions, runClient } from './run-client.ts'

const PATIENCE = { timeout: 20_000, interval: 5 }

const web: ClusterObject = { kind: 'Service', value: service('web', { clusterIPs: [ip('10.96.0.1')] }) }
const db: ClusterObject = { kind: 'Service', value: service('db', { clusterIPs: [ip('10.96.0.2')] }) }
const pods = (...addresses: string[]): ClusterObject => ({
  kind: 'EndpointSlice',
  value: slice('web-1', 'web', { endpoints: addresses.map((address) => endpoint(address)) }),
})

const cleanups: (() => Promise<unknown>)[] = []

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

async function serve(objects: readonly ClusterObject[], port = 0): Promise<TestServer> {
  const server = await TestServer.start({ address: { kind: 'tcp', host: '127.0.0.1', port } })
  cleanups.push(async () => server.close())
  server.set(...objects)
  server.store.markSynced()
  return server
}

/** Two sinks on one client: what the incremental one was told, and the addresses of each full state. */
function run(port: number, options: RunClientOptions = {}) {
  const stopping = new AbortController()
  const told: string[] = []
  const states: string[] = []
  const connections: (string | undefined)[] = []
  const seen: { health?: () => readonly SinkHealth[] } = {}
  const sinks = [
    incremental('events', {
      setService: (key) => void told.push(`setService ${key}`),
      deleteService: (key) => void told.push(`deleteService ${key}`),
      setEndpoint: (_, __, { address }) => void told.push(`setEndpoint ${address}`),
      deleteEndpoint: (_, key) => void told.push(`deleteEndpoint ${key}`),
      sync: () => void told.push('sync'),
    }),
    fullState('states', ({ services }) => {
      states.push(
        services.map(({ key, endpoints }) => `${key} ${endpoints.map(({ address }) => address).join()}`).join('; '),
      )
    }),
  ]
  const running = runClient(sinks, {
    address: `127.0.0.1:${port}`,
    nodeName: 'node-1',
    signal: stopping.signal,
    retryMs: [10, 50],
    onConnection: (failure) => connections.push(failure?.message),
    onHealth: (health) => {
      seen.health = health
    },
    ...options,
  })
  cleanups.push(async () => {
    stopping.abort()
    await running
  })
  return { told, states, connections, seen }
}

test('when the server is back, sinks are told the least that leads to its state: nothing when it is the same', async () => {
  const first = await serve([web, db, pods('10.0.0.1', '10.0.0.2')])
  const { port } = first
  const { told, states, connections, seen } = run(port)
  await vi.waitFor(() => expect(told.at(-1)).toBe('sync'), PATIENCE)
  await vi.waitFor(() => expect(states).toEqual(['default/db ; default/web 10.0.0.1,10.0.0.2']), PATIENCE)
  told.length = states.length = 0

  await first.close()
  await vi.waitFor(() => expect(connections.at(-1)).toContain(`127.0.0.1:${port}`), PATIENCE)
  const same = await serve([pods('10.0.0.1', '10.0.0.2'), db, web], port)
  await vi.waitFor(() => expect(connections.at(-1)).toBeUndefined(), PATIENCE)
  expect(seen.health?.().map(({ isInLine }) => isInLine)).toEqual([true, true])
  expect([told, states]).toEqual([[], []])

  await same.close()
  await serve([web, pods('10.0.0.2', '10.0.0.3')], port)
  await vi.waitFor(() => expect(told.at(-1)).toBe('sync'), PATIENCE)
  await vi.waitFor(() => expect(states).toEqual(['default/web 10.0.0.2,10.0.0.3']), PATIENCE)
  expect(told).toEqual(['setEndpoint 10.0.0.3', 'deleteEndpoint 10.0.0.1', 'deleteService default/db', 'sync'])
})

test('an empty cluster is a first state', async () => {
  const { port } = await serve([])
  const { told, states } = run(port)
  await vi.waitFor(() => expect([told, states]).toEqual([['sync'], ['']]), PATIENCE)
})

test('it ends at once when it is aborted, also while there is no server', async () => {
  const stopping = new AbortController()
  const problems: string[] = []
  const options = {
    address: '127.0.0.1:1',
    signal: stopping.signal,
    onProblem: ({ message }: { message: string }) => void problems.push(message),
  }
  const running = runClient([], options)
  await vi.waitFor(() => expect(problems.length).toBeGreaterThan(0), PATIENCE)
  stopping.abort()
  await running
  await runClient([], options)
})

test('wrong options are told at once', async () => {
  await expect(runClient([], { address: 'nowhere' })).rejects.toSatisfy((error) => isGrpcError(error, 'GRPC_ADDRESS'))
  expect(() => new LocalClient({ tls: { key: '/absent' } })).toThrow('tls.crt is missing')
})
