import { expect, test } from 'vitest'
import { soak } from './soak.ts'

/** `npm run soak` does the same for as long as one likes. */
test.each(['1s', '0s'])(
  'nothing is missed of 200 changes a second for half a minute, with --min-sync-period %s',
  async (minSyncPeriod) => {
    const report = await soak({
      minutes: 0.5,
      size: { services: 5000, endpoints: 10 },
      perSecond: 200,
      minSyncPeriod,
    })
    expect(report).toMatchObject({ isComplete: true, lists: 0 })
    expect(report.changes).toBeGreaterThan(0)
    expect(report.latency.samples).toBeGreaterThan(0)
  },
  300_000,
)
