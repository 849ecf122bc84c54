import fc from 'fast-check'
import { expect, test } from 'vitest'
import { local, localEndpoint, service } from '../../test/fixtures/services.ts'
import type { LocalEndpoint, LocalService } from '../model/local.ts'
import type { Service, ServiceKey } from '../model/service.ts'
import { type IncrementalListener, incremental } from './incremental.ts'
import type { SinkChanges } from './sink.ts'

/** What a listener is told, one call a line; keeps the state that follows from it. */
class Listener implements IncrementalListener {
  readonly calls: string[] = []
  readonly services = new Map<ServiceKey, { service: Service; endpoints: Map<string, LocalEndpoint> }>()
  /** Fails on this many calls from now. */
  failures = 0

  setService(key: ServiceKey, of: Service): void {
    this.#note(`setService ${key}`)
    this.services.set(key, {
      service: of,
      endpoints: this.services.get(key)?.endpoints ?? new Map<string, LocalEndpoint>(),
    })
  }

  deleteService(key: ServiceKey): void {
    this.#note(`deleteService ${key}`)
    // No endpoint outlives its Service.
    expect(this.services.get(key)?.endpoints.size).toBe(0)
    expect(this.services.delete(key)).toBe(true)
  }

  setEndpoint(key: ServiceKey, endpointKey: string, endpoint: LocalEndpoint): void {
    this.#note(`setEndpoint ${key} ${endpointKey}`)
    const of = this.services.get(key)
    if (of === undefined) throw new Error('an endpoint without its Service')
    of.endpoints.set(endpointKey, endpoint)
  }

  deleteEndpoint(key: ServiceKey, endpointKey: string): void {
    this.#note(`deleteEndpoint ${key} ${endpointKey}`)
    expect(this.services.get(key)?.endpoints.delete(endpointKey)).toBe(true)
  }

  sync(): void {
    this.#note('sync')
  }

  take(): string[] {
    return this.calls.splice(0)
  }

  #note(call: string): void {
    if (this.failures > 0) {
      this.failures--
      throw new Error('not now')
    }
    this.calls.push(call)
  }
}

function changes(services: readonly (readonly [ServiceKey, LocalService | undefined])[], isFirst = false): SinkChanges {
  return { revision: 1, isFirst, services: new Map(services), node: undefined, serviceCIDRs: undefined }
}

const web = (...endpoints: (string | LocalEndpoint)[]) => local(service('web'), endpoints)
const WEB = web().key

test('the first state is complete with a sync, also when it is empty', async () => {
  const listener = new Listener()
  await incremental('x', listener).apply(changes([], true))
  expect(listener.take()).toEqual(['sync'])
})

test('only what is different is told, in an order that never leaves an endpoint without its Service', async () => {
  const listener = new Listener()
  const sink = incremental('x', listener)
  await sink.apply(changes([[WEB, web('10.0.0.1', localEndpoint('10.0.0.2', { podName: 'web-2' }))]], true))
  expect(listener.take()).toEqual([
    'setService default/web',
    'setEndpoint default/web 10.0.0.1',
    'setEndpoint default/web web-2',
    'sync',
  ])
  await sink.apply(changes([[WEB, web('10.0.0.1', localEndpoint('10.0.0.2', { podName: 'web-2' }))]]))
  expect(listener.take()).toEqual([])
  const db = local(service('db'), ['10.0.0.7'])
  await sink.apply(
    changes([
      [WEB, web(localEndpoint('10.0.0.1', { ready: false }))],
      [db.key, db],
    ]),
  )
  expect(listener.take()).toEqual([
    'setService default/db',
    'setEndpoint default/db 10.0.0.7',
    'setEndpoint default/web 10.0.0.1',
    'deleteEndpoint default/web web-2',
    'sync',
  ])
  await sink.apply(changes([[WEB, undefined]]))
  expect(listener.take()).toEqual(['deleteEndpoint default/web 10.0.0.1', 'deleteService default/web', 'sync'])
})

test('after a failure a change set goes on where it failed', async () => {
  const listener = new Listener()
  const sink = incremental('x', listener)
  const first = changes([[WEB, web('10.0.0.1')]], true)
  listener.failures = 1
  await expect(sink.apply(first)).rejects.toThrow('not now')
  await sink.apply(first)
  expect(listener.take()).toEqual(['setService default/web', 'setEndpoint default/web 10.0.0.1', 'sync'])
})

test('whatever comes, and whatever fails, the listener ends with the state, and is told nothing twice', async () => {
  const names = ['a', 'b', 'c']
  const address = fc.constantFrom('10.0.0.1', '10.0.0.2', 'fd00::1')
  const endpoint = fc
    .record({ address, podName: fc.constantFrom('', 'p'), ready: fc.boolean(), local: fc.boolean() })
    .map(({ address: text, ...rest }) => localEndpoint(text, rest))
  const state = fc.option(fc.tuple(fc.integer({ min: 0, max: 1 }), fc.array(endpoint, { maxLength: 4 })), {
    nil: undefined,
  })
  const step = fc.record({
    services: fc.array(fc.tuple(fc.constantFrom(...names), state)),
    failures: fc.nat({ max: 3 }),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 6 }), async (steps) => {
      const listener = new Listener()
      const sink = incremental('x', listener)
      const wanted = new Map<ServiceKey, LocalService>()
      let isFirst = true
      for (const { services, failures } of steps) {
        const told = new Map<ServiceKey, LocalService | undefined>()
        for (const [name, now] of services) {
          const of = local(service(name, { creationTimestamp: now?.[0] ?? 0 }), now?.[1] ?? [])
          told.set(of.key, now && of)
          if (now === undefined) wanted.delete(of.key)
          else wanted.set(of.key, of)
        }
        listener.failures = failures
        for (let tries = 0; tries <= failures; tries++) {
          const isDone = await Promise.resolve(sink.apply(changes([...told], isFirst))).then(
            () => true,
            () => false,
          )
          if (isDone) break
        }
        listener.failures = 0
        await sink.apply(changes([...told], isFirst))
        isFirst = false
        const seen = [...listener.services].map(([key, { service: of, endpoints }]) => [key, of, ...endpoints.values()])
        const expected = [...wanted].map(([key, now]) => [key, now.service, ...now.endpoints])
        const sorted = (list: unknown[][]) =>
          list.map((entry) => entry.map((part) => JSON.stringify(part)).sort()).sort()
        expect(sorted(seen)).toEqual(sorted(expected))
        listener.take()
        await sink.apply(changes([...told]))
        expect(listener.take()).toEqual([])
      }
    }),
  )
})
