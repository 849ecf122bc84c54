import { expect, test } from 'vitest'
import { silentLog } from '../../test/fixtures/log.ts'
import { type EventNote, EventRecorder, type EventResult, type EventSender, type Sent } from './events.ts'

const WEB = { apiVersion: 'v1', kind: 'Service', namespace: 'shop', name: 'web' }

function note(text: string, name = 'web'): EventNote {
  return { type: 'Warning', reason: 'Why', action: 'Do', note: text, regarding: { ...WEB, name } }
}

/** Takes down what it is sent; `answers` come first, and then everything succeeds. */
class FakeSender implements EventSender {
  readonly sent: string[] = []
  readonly answers: (Sent | Error)[] = []
  isClosed = false

  async create(event: EventNote): Promise<Sent> {
    return this.#answer(`create ${event.regarding.name} ${event.note}`)
  }

  async repeat(event: EventNote, name: string, { count }: { count: number }): Promise<Sent> {
    return this.#answer(`repeat ${name} ${count} ${event.note}`)
  }

  close(): void {
    this.isClosed = true
  }

  async #answer(what: string): Promise<Sent> {
    await Promise.resolve()
    this.sent.push(what)
    const answer = this.answers.shift() ?? { name: `event-${this.sent.length}` }
    if (answer instanceof Error) throw answer
    return answer
  }
}

function setUp() {
  const sender = new FakeSender()
  const results: EventResult[] = []
  const slept: number[] = []
  const clock = { now: Date.UTC(2026, 0, 1) }
  const recorder = new EventRecorder({
    sender,
    log: silentLog,
    onResult: (result) => results.push(result),
    now: () => clock.now,
    sleep: async (ms) => {
      slept.push(ms)
      return Promise.resolve()
    },
  })
  return { sender, results, slept, clock, recorder }
}

test('the same again is counted, and something else is new', async () => {
  const { recorder, sender, results } = setUp()
  for (const event of [note('a'), note('b'), note('a'), note('a'), note('a', 'db')]) recorder.record(event)
  await recorder.settled()
  expect(sender.sent).toEqual([
    'create web a',
    'create web b',
    'repeat event-1 2 a',
    'repeat event-3 3 a',
    'create db a',
  ])
  expect(results).toEqual(['created', 'created', 'counted', 'counted', 'created'])
})

test('a series ends when nothing happened for six minutes', async () => {
  const { recorder, sender, clock } = setUp()
  recorder.record(note('a'))
  await recorder.settled()
  clock.now += 360_000
  recorder.record(note('a'))
  await recorder.settled()
  expect(sender.sent).toEqual(['create web a', 'create web a'])
})

test('an Event that the API server has forgotten is created anew', async () => {
  const { recorder, sender, results } = setUp()
  sender.answers.push({ name: 'x' }, { refused: 'not found' })
  recorder.record(note('a'))
  recorder.record(note('a'))
  await recorder.settled()
  expect(sender.sent).toEqual(['create web a', 'repeat x 2 a', 'create web a'])
  expect(results).toEqual(['created', 'created'])
})

test('25 at once about one object, and then one each five minutes; other objects are not limited by it', async () => {
  const { recorder, sender, results, clock } = setUp()
  for (let i = 0; i < 30; i++) recorder.record(note(String(i)))
  recorder.record(note('0', 'db'))
  await recorder.settled()
  expect(sender.sent).toHaveLength(26)
  expect(results.filter((result) => result === 'limited')).toHaveLength(5)
  clock.now += 299_000
  recorder.record(note('early'))
  clock.now += 1000
  recorder.record(note('late'))
  await recorder.settled()
  expect(sender.sent.at(-1)).toBe('create web late')
  expect(sender.sent).toHaveLength(27)
})

test('the queue is bounded', async () => {
  const { recorder, sender, results } = setUp()
  for (let i = 0; i < 1200; i++) recorder.record(note('a', `web-${i}`))
  await recorder.settled()
  // The first is on its way already.
  expect(sender.sent).toHaveLength(1001)
  expect(results.filter((result) => result === 'dropped')).toHaveLength(199)
})

test('who cannot be reached is tried five times, and then the next is', async () => {
  const { recorder, sender, results, slept } = setUp()
  sender.answers.push(...Array.from({ length: 5 }, () => new Error('away')))
  recorder.record(note('a'))
  recorder.record(note('b'))
  await recorder.settled()
  expect(slept).toEqual([1000, 2000, 4000, 8000])
  expect(results).toEqual(['dropped', 'created'])
  expect(sender.sent.at(-1)).toBe('create web b')
})

test('a refusal is not tried again, is said once, and again after a success', async () => {
  const said: string[] = []
  const { sender } = setUp()
  const log = { ...silentLog, warn: (_: unknown, message: string) => said.push(message) } as unknown as typeof silentLog
  const recorder = new EventRecorder({ sender, log })
  const refused = { refused: 'forbidden' }
  sender.answers.push(refused, refused, { name: 'x' }, refused)
  for (const text of ['a', 'b', 'c', 'd']) recorder.record(note(text))
  await recorder.settled()
  expect(sender.sent).toHaveLength(4)
  expect(said).toHaveLength(2)
})

test('closed, it drops what waits, and wakes from a pause', async () => {
  const sender = new FakeSender()
  sender.answers.push(new Error('away'))
  const results: EventResult[] = []
  const never = new Promise<void>(() => {})
  const recorder = new EventRecorder({
    sender,
    log: silentLog,
    onResult: (result) => results.push(result),
    sleep: async () => never,
  })
  recorder.record(note('a'))
  recorder.record(note('b'))
  await new Promise(setImmediate)
  await recorder.close()
  recorder.record(note('c'))
  await recorder.settled()
  expect(sender.isClosed).toBe(true)
  expect(sender.sent).toEqual(['create web a'])
  expect(results).toEqual(['dropped'])
})
