import { afterEach, expect, test, vi } from 'vitest'
import { ScriptedState } from '../../test/fixtures/scripted-state.ts'
import { local, node, service } from '../../test/fixtures/services.ts'
import type { SinkApplied, SinkFailed } from './hooks.ts'
import { SinkRunner, type SinkRunnerOptions } from './runner.ts'
import type { Sink, SinkChanges } from './sink.ts'

const web = (...addresses: string[]) => local(service('web'), addresses)
const db = local(service('db'))

let ending: (() => Promise<void>) | undefined

afterEach(async () => {
  await ending?.()
  ending = undefined
})

/** A sink that remembers what it was told, and waits or fails as long as it is told to. */
class Recorder implements Sink {
  readonly name: string
  readonly taken: SinkChanges[] = []
  calls = 0
  failing: Error | undefined
  blocked: Promise<undefined> | undefined
  closed = 0

  constructor(name: string) {
    this.name = name
  }

  async apply(changes: SinkChanges): Promise<void> {
    this.calls++
    await this.blocked
    if (this.failing !== undefined) throw this.failing
    this.taken.push(changes)
  }

  close(): void {
    this.closed++
  }

  /** `KEY:ENDPOINTS`, or `KEY gone`, of each change set. */
  get told(): string[] {
    return this.taken.map(({ services }) =>
      [...services].map(([key, now]) => (now ? `${key}:${now.endpoints.length}` : `${key} gone`)).join(' '),
    )
  }
}

function run(sinks: readonly Sink[], options?: SinkRunnerOptions): { state: ScriptedState; runner: SinkRunner } {
  const state = new ScriptedState()
  const runner = new SinkRunner(state, sinks, { retryMs: [1, 4], ...options })
  const running = runner.run()
  ending = async () => {
    await state.close()
    await running
  }
  return { state, runner }
}

test('a sink is told of the first state, also of an empty one, and then of what changed', async () => {
  const sink = new Recorder('a')
  const { state } = run([sink])
  state.change([])
  await vi.waitFor(() => expect(sink.taken).toHaveLength(1))
  state.change([web('10.0.0.1'), db], [], node('n'))
  await vi.waitFor(() => expect(sink.taken).toHaveLength(2))
  state.change([], [db.key], null)
  await vi.waitFor(() => expect(sink.taken).toHaveLength(3))
  expect(sink.told).toEqual(['', 'default/web:1 default/db:0', 'default/db gone'])
  expect(sink.taken.map(({ isFirst }) => isFirst)).toEqual([true, false, false])
  expect(sink.taken.map(({ revision }) => revision)).toEqual([1, 2, 3])
  expect(sink.taken.map((changes) => changes.node)).toEqual([undefined, node('n'), null])
})

test('a slow sink gets what changed meanwhile at once, and holds up no other', async () => {
  const [slow, quick] = [new Recorder('slow'), new Recorder('quick')]
  const { state, runner } = run([slow, quick])
  const { promise, resolve } = Promise.withResolvers<undefined>()
  slow.blocked = promise
  state.change([web()])
  await vi.waitFor(() => expect(slow.calls).toBe(1))
  for (const address of ['10.0.0.1', '10.0.0.2']) {
    state.change([web(address, '10.0.0.9')])
    await vi.waitFor(() => expect(quick.taken.at(-1)?.revision).toBe(state.revision))
  }
  state.change([db])
  await vi.waitFor(() => expect(quick.taken).toHaveLength(4))
  expect(runner.health().map(({ isInLine }) => isInLine)).toEqual([false, true])
  resolve(undefined)
  await vi.waitFor(() => expect(slow.taken).toHaveLength(2))
  expect(slow.told).toEqual(['default/web:0', 'default/web:2 default/db:0'])
  await vi.waitFor(() => expect(runner.health().map(({ isInLine }) => isInLine)).toEqual([true, true]))
})

test('what fails is told again with what changed since, at growing intervals, and the others go on', async () => {
  const [bad, good] = [new Recorder('bad'), new Recorder('good')]
  const failed: SinkFailed[] = []
  const applied: SinkApplied[] = []
  const hooks = {
    onFailed: (event: SinkFailed) => void failed.push(event),
    onApplied: (event: SinkApplied) => void applied.push(event),
  }
  const { state, runner } = run([bad, good], { hooks })
  bad.failing = new Error('no')
  state.change([web()], [], node('n'))
  await vi.waitFor(() => expect(failed.length).toBeGreaterThan(3))
  expect(failed.slice(0, 4).map(({ failures, retryMs }) => [failures, retryMs])).toEqual([
    [1, 1],
    [2, 2],
    [3, 4],
    [4, 4],
  ])
  state.change([], [web().key])
  await vi.waitFor(() => expect(good.told).toEqual(['default/web:0', 'default/web gone']))
  expect(runner.health()[0]).toMatchObject({ sink: 'bad', isInLine: false, revision: 0, error: bad.failing })
  expect(runner.health()[0]?.lateMs).toBeGreaterThan(0)
  bad.failing = undefined
  await vi.waitFor(() => expect(bad.taken.at(-1)?.revision).toBe(2))
  // It never heard of the Service, and is told nevertheless: what it did before it failed is not known.
  expect(bad.told).toEqual(['default/web gone'])
  expect(bad.taken[0]).toMatchObject({ isFirst: true, node: node('n') })
  expect(runner.health()[0]).toMatchObject({ isInLine: true, lateMs: 0, revision: 2, error: undefined })
  expect(applied.filter(({ sink }) => sink === 'bad')).toMatchObject([{ revision: 2, services: 1 }])
})

test('when the state is closed, the sinks finish what they are at, and are closed once', async () => {
  const sinks = [new Recorder('a'), new Recorder('b')]
  const { state } = run(sinks)
  const { promise, resolve } = Promise.withResolvers<undefined>()
  for (const sink of sinks) sink.blocked = promise
  state.change([web()])
  await vi.waitFor(() => expect(sinks.map(({ calls }) => calls)).toEqual([1, 1]))
  const ended = ending?.()
  ending = undefined
  expect(sinks.map(({ closed }) => closed)).toEqual([0, 0])
  resolve(undefined)
  await ended
  expect(sinks.map(({ taken, closed }) => [taken.length, closed])).toEqual([
    [1, 1],
    [1, 1],
  ])
})
