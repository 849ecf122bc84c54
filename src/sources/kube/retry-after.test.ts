import { expect, test } from 'vitest'
import { testServer } from '../../../test/fixtures/http-servers.ts'
import { until } from '../../../test/lab/index.ts'
import { Store } from '../../store/store.ts'
import { serverUrl } from './api-server.ts'
import { KubeSource } from './kube-source.ts'
import { retryAfterMs } from './retry-after.ts'
import { DEFAULT_TIMING } from './timing.ts'

test.each([
  ['7', 7000],
  [7, 7000],
  ['0', 0],
  ['86400', 300_000],
  [-1, 0],
  ['soon', 0],
  ['', 0],
  [undefined, 0],
  [null, 0],
  [Number.NaN, 0],
  ['Thu, 01 Jan 1970 00:00:00 GMT', 0],
])('Retry-After %j asks for %d ms', (value, milliseconds) => {
  expect(retryAfterMs(value)).toBe(milliseconds)
})

test('Retry-After may be a date', () => {
  const milliseconds = retryAfterMs(new Date(Date.now() + 100_000).toUTCString())
  expect(milliseconds).toBeGreaterThan(50_000)
  expect(milliseconds).toBeLessThanOrEqual(100_000)
})

test('who lists and watches waits as long as the API server asks for', async () => {
  const times: number[] = []
  const api = await testServer((_, response) => {
    times.push(performance.now())
    response.writeHead(429, { 'retry-after': '1' }).end()
  })
  const source = new KubeSource({
    store: new Store(),
    server: { url: serverUrl(api.url, 'test') },
    nodeName: 'node-1',
    timing: { ...DEFAULT_TIMING, retryMs: [1, 1] },
  })
  const start = source.start()
  // Each kind is asked for twice.
  await until(async () => times.length >= 8, { timeoutMs: 30_000, everyMs: 20, what: 'the second requests' })
  await source.close()
  await start
  await api.close()
  // Timers may be a millisecond early.
  expect((times[7] ?? 0) - (times[3] ?? 0)).toBeGreaterThan(990)
}, 40_000)
