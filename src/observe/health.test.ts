import { beforeEach, expect, test } from 'vitest'
import { type HealthClock, ProxyHealth } from './health.ts'

/** Milliseconds since the health was made. */
let elapsed: number
let health: ProxyHealth
const START = Date.parse('2026-01-02T03:04:05Z')
const clock: HealthClock = { elapsed: () => elapsed, date: () => new Date(START + elapsed) }

beforeEach(() => {
  elapsed = 0
  health = new ProxyHealth({ timeoutMs: 10_000, clock })
})

// The steps that Kubernetes tests are test/conformance/cases/health.json.

test('an update is late from the health timeout on, counted from the oldest one', () => {
  health.queued(4)
  elapsed = 9999
  health.queued(4)
  expect(health.isHealthy()).toBe(true)
  elapsed = 10_000
  expect(health.isHealthy()).toBe(false)
  health.updated(4)
  health.queued(4)
  expect(health.isHealthy()).toBe(true)
})

test('the report names the family that is late, and when each was brought in line', () => {
  elapsed = 1000
  health.updated(4)
  elapsed = 2000
  health.updated(6)
  elapsed = 3000
  health.queued(6)
  elapsed = 13_000
  expect(JSON.stringify(health.healthz().report)).toBe(
    '{"lastUpdated":"2026-01-02T03:04:07.000Z","currentTime":"2026-01-02T03:04:18.000Z","nodeEligible":true,"healthy":false,' +
      '"status":{"IPv4":{"lastUpdated":"2026-01-02T03:04:06.000Z","healthy":true},' +
      '"IPv6":{"lastUpdated":"2026-01-02T03:04:07.000Z","healthy":false}}}',
  )
})

test('while all is well the report is of now; livez does not know the node', () => {
  health.updated(4)
  elapsed = 60_000
  expect(health.livez().report).toMatchObject({ lastUpdated: '2026-01-02T03:05:05.000Z', healthy: true })
  expect(health.livez().report).not.toHaveProperty('nodeEligible')
})

test('a node that is leaving is healthy and not to be used', () => {
  health.updated(4)
  elapsed = 5000
  health.setNodeEligible(false)
  const { isWell, report } = health.healthz()
  expect(isWell).toBe(false)
  expect(report).toMatchObject({ healthy: true, nodeEligible: false, lastUpdated: '2026-01-02T03:04:05.000Z' })
  expect(health.livez().isWell).toBe(true)
  health.setNodeEligible(true)
  expect(health.healthz().isWell).toBe(true)
})

test('ready once every family was brought in line, and while none is late', () => {
  expect(health.readyz().isWell).toBe(false)
  health.updated(4)
  expect(health.readyz().isWell).toBe(false)
  health.updated(6)
  expect(health.readyz().isWell).toBe(true)
  health.queued(4)
  elapsed = 10_000
  expect(health.readyz().isWell).toBe(false)
  health.updated(4)
  expect(health.readyz().isWell).toBe(true)
})
