import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Fault } from '../../../test/apiserver/faults.ts'
import { ALL_KINDS, countsOf, eventually, KubeBed, WATCHED, web } from '../../../test/fixtures/kube-bed.ts'
import type { Problem } from '../../model/object.ts'
import { MAX_OBJECTS_TOLD } from './held-objects.ts'

let bed: KubeBed

beforeEach(async () => {
  bed = await KubeBed.create()
})

afterEach(async () => bed.dispose())

describe('lists as watches', () => {
  test('are one request a kind, that goes on as the watch', async () => {
    bed.api.set(web('10.96.0.1'))
    const source = await bed.started()
    bed.api.set(web('10.96.0.2'))
    await eventually('the change', () => bed.addressOf('web') === '10.96.0.2')
    expect(bed.api.requests.map(({ verb }) => verb)).toEqual(WATCHED.map(() => 'watch'))
    expect(countsOf(source)).toMatchObject({ lists: 1, watches: 1, events: 1 })
    expect(bed.store.revision).toBe(2)
  })

  test('that are refused are not asked for again by this process', async () => {
    bed.api.streamingLists = 'refused'
    const source = await bed.started()
    bed.api.expireWatches()
    await eventually('more lists', () => source.counts().every(({ lists }) => lists === 2))
    const streamed = bed.api.requests.filter(({ query }) => query.has('sendInitialEvents'))
    expect(streamed.length).toBeLessThanOrEqual(WATCHED.length)
    expect(bed.told).toEqual([])
  })

  test('from a server that never says that they are complete are read as pages', async () => {
    bed.api.streamingLists = 'ignored'
    bed.api.set(web('10.96.0.1'))
    const source = await bed.started({ listQuietMs: 30 })
    expect(bed.addressOf('web')).toBe('10.96.0.1')
    expect(bed.api.seen('services', 'list')).toHaveLength(1)
    expect(countsOf(source).lists).toBe(1)
    expect(bed.told).toEqual([])
  })

  test('from such a server that is never quiet, too', async () => {
    bed.api.streamingLists = 'ignored'
    const starting = bed.started({ listQuietMs: 60_000 })
    await bed.watchingAll()
    bed.api.set(web('10.96.0.1'))
    bed.api.bookmark()
    await starting
    expect(bed.addressOf('web')).toBe('10.96.0.1')
  })

  test('that break are begun anew; nothing of half a list is told', async () => {
    for (let i = 0; i < 5; i++) bed.api.set(web(`10.96.0.${i + 1}`, `web-${i}`))
    bed.api.faults.add({ kind: 'cut', by: 'rst' }, { collection: 'services', times: 1 })
    await bed.started()
    expect(bed.store.counts.services).toBe(5)
    expect(bed.store.revision).toBe(1)
  })
})

describe('a watch that breaks', () => {
  const FAULTS: readonly Fault[] = [
    { kind: 'cut', by: 'end' },
    { kind: 'cut', by: 'fin' },
    { kind: 'cut', by: 'rst' },
    { kind: 'silence' },
  ]

  test.each(FAULTS)('by %o goes on where it was, and is no outage', async (fault) => {
    bed.api.set(web('10.96.0.1'))
    const source = await bed.started({ idleMs: 500 })
    bed.api.faults.add(fault, { collection: 'services', verb: 'watch', times: 1 })
    bed.api.set(web('10.96.0.2'))
    await eventually('the change', () => bed.addressOf('web') === '10.96.0.2')
    bed.api.delete(web('10.96.0.2'))
    await eventually('the deletion', () => bed.addressOf('web') === undefined)
    expect(countsOf(source)).toMatchObject({ lists: 1, resumes: 1, events: 2 })
    expect(bed.told).toEqual([])
    expect(bed.store.revision).toBe(3)
  })

  test.each<Fault>([
    { kind: 'drop', by: 'fin' },
    { kind: 'drop', by: 'rst' },
    { kind: 'refuse', status: 401 },
    { kind: 'refuse', status: 403 },
    { kind: 'refuse', status: 404 },
    { kind: 'refuse', status: 429, retryAfterSeconds: 0 },
    { kind: 'refuse', status: 500 },
    { kind: 'answer', status: 503, body: '<html>no backend</html>' },
  ])('and then meets %o is one outage, told once, and goes on where it was', async (fault) => {
    bed.api.set(web('10.96.0.1'))
    const source = await bed.started()
    const lift = bed.api.faults.add(fault, { collection: 'services' })
    bed.api.endWatches()
    const attempts = () => bed.api.requests.filter(({ collection }) => collection === 'services')
    await eventually('several attempts', () => attempts().length > 5)
    expect(source.problems()).toMatchObject([{ object: 'Service', severity: 'warning' }])
    expect(bed.addressOf('web')).toBe('10.96.0.1')
    lift()
    bed.api.set(web('10.96.0.2'))
    await eventually('the change', () => bed.addressOf('web') === '10.96.0.2')
    await eventually('the end of the outage', () => bed.notices.length === 1)
    expect(bed.told).toHaveLength(1)
    expect(countsOf(source).lists).toBe(1)
    expect(source.problems()).toEqual([])
  })

  test('trickles, and arrives', async () => {
    await bed.started()
    bed.api.faults.add({ kind: 'trickle', bytesPerSecond: 2000 }, { verb: 'watch' })
    bed.api.endWatches()
    await bed.watchingAll()
    bed.api.set(web('10.96.0.2'))
    await eventually('the change', () => bed.addressOf('web') === '10.96.0.2')
  })
})

describe('resource versions', () => {
  test('that were seen are not applied again, nor out of order', async () => {
    const source = await bed.started()
    for (let i = 1; i <= 3; i++) bed.api.set(web(`10.96.0.${i}`))
    await eventually('the last', () => bed.addressOf('web') === '10.96.0.3')
    const { revision } = bed.store
    bed.api.repeat('services', 3)
    bed.api.repeat('services', 2)
    bed.api.set(web('10.96.0.9', 'last'))
    await eventually('what came behind', () => bed.addressOf('last') !== undefined)
    expect(bed.addressOf('web')).toBe('10.96.0.3')
    expect(bed.store.revision).toBe(revision + 1)
    expect(countsOf(source).staleEvents).toBe(5)
  })

  test('that are smaller than before, since the database was put back, lead to a list and its differences', async () => {
    bed.api.set(web('10.96.0.1', 'old'), web('10.96.0.2', 'same'))
    const source = await bed.started()
    const snapshot = bed.api.snapshot()
    bed.api.delete(web('10.96.0.1', 'old'))
    for (let i = 0; i < 20; i++) bed.api.set(web(`10.96.0.${10 + i}`, 'new'))
    await eventually('the last', () => bed.addressOf('new') === '10.96.0.29')
    await bed.api.close()
    bed.api.restore(snapshot)
    await bed.api.listen('127.0.0.1')
    await eventually('the old Service', () => bed.addressOf('old') === '10.96.0.1')
    expect(bed.addressOf('new')).toBeUndefined()
    expect(countsOf(source).relists).toEqual({ expired: 0, ahead: 1, continuation: 0 })
    bed.api.set(web('10.96.0.3', 'after'))
    await eventually('what comes then', () => bed.addressOf('after') === '10.96.0.3')
  })

  test('are asked about with one object when a connection broke, and nothing is listed', async () => {
    bed.api.set(web('10.96.0.1'), web('10.96.0.2', 'other'))
    const source = await bed.started()
    await bed.api.close()
    await bed.api.listen('127.0.0.1')
    await eventually('the next watch', () => bed.api.seen('services', 'watch').length === 2)
    const queries = bed.api
      .seen('services', 'list')
      .map(({ query }) => [query.get('limit'), query.get('resourceVersionMatch')])
    expect(new Set(queries.map(String))).toEqual(new Set(['1,NotOlderThan']))
    expect(countsOf(source).lists).toBe(1)
  })
})

describe('what is told', () => {
  test('of many bad objects is not about each of them', async () => {
    const count = MAX_OBJECTS_TOLD + 50
    for (let i = 0; i < count; i++) bed.api.set({ ...web('10.96.0.1', `bad-${i}`), spec: 'nonsense' })
    const source = await bed.started()
    const objects = (problems: readonly Problem[]) => new Set(problems.map(({ object }) => object)).size
    expect(objects(source.problems())).toBe(MAX_OBJECTS_TOLD + 1)
    expect(source.problems().at(-1)).toMatchObject({ severity: 'error', object: 'Service' })
    expect(objects(bed.told)).toBe(MAX_OBJECTS_TOLD + 1)
    expect(countsOf(source).objectsWithProblems).toBe(count)
    for (let i = count; i < count + 20; i++) bed.api.set({ ...web('10.96.0.1', `bad-${i}`), spec: 'nonsense' })
    await eventually('all of them', () => countsOf(source).objectsWithProblems === count + 20)
    expect(objects(bed.told)).toBe(MAX_OBJECTS_TOLD + 1)
    for (let i = 0; i < count + 20; i++) bed.api.delete(web('10.96.0.1', `bad-${i}`))
    await eventually('no problem', () => source.problems().length === 0)
  })

  test('how long the API server was away is measured without the clock', async () => {
    let elapsed = 1000
    const source = await bed.started({}, { now: () => elapsed })
    await bed.api.close()
    await eventually('the outage', () => source.problems()[0]?.object === ALL_KINDS)
    elapsed += 65_000
    await bed.api.listen('127.0.0.1')
    bed.api.set(web('10.96.0.1'))
    await eventually('the end', () => bed.notices.length === 1)
    expect(bed.notices).toEqual(['the API server answers again after 65 s'])
  })

  test('bytes are those that the API server sent', async () => {
    bed.api.set(web('10.96.0.1'))
    const source = await bed.started()
    bed.api.set(web('10.96.0.2'))
    await eventually('the change', () => bed.addressOf('web') === '10.96.0.2')
    const [request] = bed.api.seen('services', 'watch')
    expect(countsOf(source).bytesReceived).toBe(request?.bytesSent)
    expect(countsOf(source)).toMatchObject({ objects: 1, sinceEventMs: expect.any(Number) as number })
  })
})
