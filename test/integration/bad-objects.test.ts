import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Load } from '../lab/index.ts'
import { ABSURD } from '../property/absurd.ts'
import { arbitraryDamage } from '../property/damage.ts'
import { FULL_OBJECTS, JSON_VALUES, pathsIn, replaced } from '../property/mutations.ts'
import { patience, runs } from '../property/runs.ts'
import { TestCluster } from '../sluice/cluster.ts'
import type { Instance } from '../sluice/instance.ts'
import { endpointSlice, type Manifest, service } from '../sluice/manifests.ts'

const HEALTHY_IP = '10.96.0.10'
/** The oldest, so that it has its address whoever claims it, too. */
const HEALTHY = service('healthy', {
  clusterIPs: [HEALTHY_IP],
  ports: [{ name: 'http', port: 80 }],
  creationTimestamp: '2020-01-01T00:00:00Z',
})

let cluster: TestCluster
let sluice: Instance
let load: Load

beforeAll(async () => {
  cluster = await TestCluster.create()
  const { a1, a2 } = cluster.pods
  await a2.serve({ protocol: 'http', port: 8080, name: 'a2' })
  const slice = endpointSlice('healthy', { ports: [{ name: 'http', port: 8080 }], endpoints: [a2.address] })
  cluster.manifests.write('healthy.yaml', [HEALTHY, slice])
  sluice = await cluster.sluice()
  load = await a1.load({ protocol: 'http', address: HEALTHY_IP, port: 80, perSecond: 50, timeoutMs: 5000 })
})

afterAll(async () => {
  await cluster.dispose()
})

let markers = 0

/** Serves a file, whatever is in it: an object at its end tells when it was read. Status is asked all the while. */
async function serve(text: string): Promise<void> {
  const marker = service('marker', { clusterIPs: [`10.99.0.${(++markers % 250) + 1}`], ports: [{ port: 80 }] })
  const { revision } = await sluice.status()
  cluster.manifests.writeText('bad.yaml', `${text}\n---\n${JSON.stringify(marker)}\n`)
  const isServed = (status: { revision: number; servedRevision: number }) => {
    return status.revision > revision && status.servedRevision === status.revision
  }
  await sluice.waitFor('the file served', isServed, 30_000)
  const { failures } = await load.report()
  expect(failures).toEqual([])
}

function documents(objects: readonly unknown[]): string {
  return objects.map((object) => JSON.stringify(object)).join('\n---\n')
}

test.each(Object.entries(FULL_OBJECTS))(
  'a healthy Service is served beside a %s with any bad field',
  async (_, object) => {
    const short = JSON_VALUES.filter((value) => JSON.stringify(value).length < 1000)
    let number = 0
    const objects = pathsIn(object).flatMap((path) =>
      short.map((value) => {
        const named = replaced(object, ['metadata', 'name'], `bad-${++number}`)
        return replaced(named, path, value)
      }),
    )
    expect(objects.length).toBeGreaterThan(300)
    await serve(documents(objects))
    const { problems } = await sluice.status()
    expect(problems.length).toBeGreaterThan(0)
    // What has no name has a field, or its file says how many there are like it.
    for (const { object: named, field, origin } of problems) expect(named || field || origin).not.toBe('')
  },
)

test('a healthy Service is served beside damaged text', { timeout: patience(3000) }, async () => {
  const file = fc.array(arbitraryDamage(Object.values(FULL_OBJECTS)), { minLength: 5, maxLength: 5 })
  const served = fc.asyncProperty(file, async (texts) => serve(texts.join('\n---\n')))
  await fc.assert(served, { ...runs(5), endOnFailure: true })
})

test.each(Object.entries(ABSURD))('a healthy Service is served beside %s', async (_, { objects }) => {
  await serve(documents(objects()))
})

test('a healthy Service is served beside those that claim its address, and wrong families', async () => {
  const thieves: Manifest[] = Array.from({ length: 100 }, (_, i) =>
    service(`thief-${i}`, {
      clusterIPs: ['10.98.0.1'],
      externalIPs: [HEALTHY_IP],
      ports: [{ name: 'http', port: 80 }],
    }),
  )
  const wrong = { addressType: 'IPv4', endpoints: [{ addresses: ['fd00::1'] }, { addresses: ['10.244.1.1'] }] }
  const slice = { ...endpointSlice('thief-0', { ports: [{ name: 'http', port: 80 }], endpoints: [] }), ...wrong }
  await serve(documents([...thieves.map(younger), slice]))
  const { problems } = await sluice.status()
  expect(problems.some(({ object }) => object === 'default/thief-0:http')).toBe(true)
  expect(problems.some(({ field }) => field === 'endpoints[0].addresses[0]')).toBe(true)
})

function younger(object: Manifest): Manifest {
  return replaced(object, ['metadata', 'creationTimestamp'], '2026-01-01T00:00:00Z') as Manifest
}

test('when all that is gone nothing is left of it', async () => {
  cluster.manifests.remove('bad.yaml')
  const status = await sluice.waitFor('only the healthy one', ({ counts, servedRevision, revision }) => {
    return counts.services === 1 && servedRevision === revision
  })
  expect(status.problems).toEqual([])
  expect(status.counts.virtualServers).toBe(1)
  const { sent, failures, answered } = await load.stop()
  expect(failures).toEqual([])
  expect(answered).toEqual({ a2: sent })
})
