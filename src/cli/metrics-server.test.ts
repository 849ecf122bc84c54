import { afterEach, beforeEach, expect, test } from 'vitest'
import { FakeListeners } from '../../test/fixtures/listeners.ts'
import { silentLog } from '../../test/fixtures/log.ts'
import { parseMetrics, valueOf } from '../../test/fixtures/metrics-text.ts'
import { textPage } from '../observe/pages.ts'
import type { Status } from '../observe/status.ts'
import { Store } from '../store/store.ts'
import { AgentMetrics } from './agent-metrics.ts'
import { MetricsServer } from './metrics-server.ts'

const ADDRESS = '127.0.0.1:10249'
const AGENT = { status: () => ({ state: 'loading', version: '1', counts: {}, problems: [] }) as unknown as Status }
let listeners: FakeListeners
let server: MetricsServer

beforeEach(() => {
  listeners = new FakeListeners()
  server = serve()
})

afterEach(async () => server.close())

function serve(bindAddressHardFail = false): MetricsServer {
  return new MetricsServer({
    address: { host: '127.0.0.1', port: 10249 },
    bindAddressHardFail,
    log: silentLog,
    metrics: new AgentMetrics(),
    store: new Store(),
    source: {},
    pages: { '/proxyMode': textPage('nftables') },
    listen: listeners.listen,
  })
}

async function get(path: string): Promise<string> {
  const { status, body } = await listeners.askLater(ADDRESS, path)
  expect(status).toBe(200)
  return body
}

test('metrics of the agent and of the process are served in the text format', async () => {
  await server.start({ status: () => ({ ...AGENT.status(), counts: COUNTS, revision: 3, servedRevision: 2 }) })
  const { headers } = await listeners.askLater(ADDRESS, '/metrics')
  expect(headers['Content-Type']).toBe('text/plain; version=0.0.4; charset=utf-8')
  const scrape = parseMetrics(await get('/metrics'))
  expect(valueOf(scrape, 'sluice_revision_served')).toBe(2)
  expect(valueOf(scrape, 'process_start_time_seconds')).toBeDefined()
})

test('it says that it is there, which is an indicator itself', async () => {
  await server.start(AGENT)
  expect(await get('/healthz')).toBe('ok')
  expect(await get('/healthz')).toBe('ok')
  const slis = parseMetrics(await get('/metrics/slis'))
  expect(valueOf(slis, 'kubernetes_healthchecks_total', { name: 'ping', type: 'healthz', status: 'success' })).toBe(2)
})

test('further pages stand beside, and others do not', async () => {
  await server.start(AGENT)
  expect(await get('/proxyMode')).toBe('nftables')
  expect((await listeners.askLater(ADDRESS, '/debug/pprof')).status).toBe(404)
  expect((await listeners.askLater(ADDRESS, '/metrics', 'POST')).status).toBe(405)
})

test('an address that is taken is a problem, or an error where it must be one', async () => {
  listeners.taken.add(ADDRESS)
  await server.start(AGENT)
  expect(server.problems()).toMatchObject([{ severity: 'error', object: 'metrics' }])
  await expect(serve(true).start(AGENT)).rejects.toMatchObject({ code: 'LISTEN_FAILED' })
})

const COUNTS: Status['counts'] = {
  services: 0,
  endpointSlices: 0,
  nodes: 0,
  virtualServers: 0,
  endpoints: 0,
  transactions: 0,
  driftRepaired: 0,
  staleFlowsDeleted: 0,
}
