import { describe, expect, it } from 'vitest'
import { SyncSchedule } from './sync-schedule.ts'

function scheduleAt(periods = { minSyncPeriod: 1000, syncPeriod: 30_000 }) {
  const clock = { now: 5000 }
  return { clock, schedule: new SyncSchedule(periods, () => clock.now) }
}

describe('SyncSchedule (promise 89)', () => {
  it('lets the first sync begin at once, and the next one after minSyncPeriod', () => {
    const { clock, schedule } = scheduleAt()
    expect(schedule.allowedIn).toBe(0)
    schedule.started()
    schedule.succeeded()
    expect(schedule.allowedIn).toBe(1000)
    clock.now += 400
    expect(schedule.allowedIn).toBe(600)
    clock.now += 600
    expect(schedule.allowedIn).toBe(0)
  })

  it('checks everything each syncPeriod', () => {
    const { clock, schedule } = scheduleAt()
    expect(schedule.dueIn).toBe(30_000)
    clock.now += 30_000
    expect(schedule.isCheckDue).toBe(true)
    schedule.started()
    expect(schedule.isCheckDue).toBe(false)
    expect(schedule.dueIn).toBe(30_000)
  })

  it('tries again at growing intervals, until it succeeds', () => {
    const { schedule } = scheduleAt()
    const waits = Array.from({ length: 10 }, () => {
      schedule.failed()
      return schedule.dueIn
    })
    expect(waits).toEqual([200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000])
    schedule.succeeded()
    schedule.failed()
    expect(schedule.dueIn).toBe(200)
  })

  it('never checks when syncPeriod is 0', () => {
    expect(scheduleAt({ minSyncPeriod: 0, syncPeriod: 0 }).schedule.dueIn).toBe(Number.POSITIVE_INFINITY)
  })
})
