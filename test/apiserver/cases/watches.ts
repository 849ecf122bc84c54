import { describe, expect, test } from 'vitest'
import { ask, type Query } from '../client.ts'
import { bedOf, type Cases, eventually, future, told } from './bed.ts'

const STREAM = { sendInitialEvents: 'true', resourceVersionMatch: 'NotOlderThan', allowWatchBookmarks: 'true' }
const FORBIDDEN = { reason: 'FieldValueForbidden', field: 'resourceVersionMatch' }

export const watchCases: Cases = (server) => {
  const bed = bedOf(server)

  describe('a watch', () => {
    test('from a version tells what came after it', async () => {
      const version = await bed().create('a')
      await bed().create('b')
      await server().delete(bed().web('a'))
      const client = await bed().watch({ resourceVersion: version })
      const last = await server().replace(bed().web('b', { x: '' }))
      expect(await told(client, 3)).toEqual(['ADDED b', 'DELETED a', 'MODIFIED b'])
      const versions = client.events.map(({ object }) => Number(object.metadata?.resourceVersion))
      expect(versions).toEqual([...versions].sort((a, b) => a - b))
      expect(versions.at(-1)).toBe(Number(last))
    })

    test.each([{}, { resourceVersion: '0' }])('from %o tells the present state first', async (query) => {
      await bed().create('a', 'b')
      await server().delete(bed().web('a'))
      const client = await bed().watch(query)
      await told(client, 1)
      await bed().create('c')
      expect(await told(client, 2)).toEqual(['ADDED b', 'ADDED c'])
    })

    test('follows labels that come and go: such objects come and go, too', async () => {
      await bed().create('a')
      const version = await server().create(bed().web('b', { own: '' }))
      const client = await bed().watch({ resourceVersion: version, labelSelector: '!own' })
      const left = await server().replace(bed().web('a', { own: 'x' }))
      await server().replace(bed().web('a', { own: 'y' }))
      await server().replace(bed().web('b'))
      await server().replace(bed().web('b', { other: '' }))
      await server().delete(bed().web('a'))
      await server().delete(bed().web('b'))
      expect(await told(client, 4)).toEqual(['DELETED a', 'ADDED b', 'MODIFIED b', 'DELETED b'])
      const { metadata } = client.events[0]?.object ?? {}
      expect(metadata).toMatchObject({ namespace: bed().namespace, name: 'a', resourceVersion: left })
      // The state before it left.
      expect(metadata?.labels ?? {}).toEqual({})
    })

    test('of one name tells nothing of others', async () => {
      const version = await bed().create('a')
      const client = await bed().watch({ resourceVersion: version, fieldSelector: 'metadata.name=b' })
      await bed().create('b')
      await server().delete(bed().web('a'))
      await server().delete(bed().web('b'))
      expect(await told(client, 2)).toEqual(['ADDED b', 'DELETED b'])
    })

    test('from a future version waits for it', async () => {
      const from = Number(await bed().create('first')) + 3
      const client = await bed().watch({ resourceVersion: String(from) })
      const behind: string[] = []
      for (let i = 0; behind.length < 2; i++) {
        if (Number(await bed().create(`s-${i}`)) > from) behind.push(`ADDED s-${i}`)
      }
      expect(await told(client, 2)).toEqual(behind)
    })

    test('ends after its time', async () => {
      const resourceVersion = await bed().create('a')
      const client = await bed().watch({ resourceVersion, timeoutSeconds: '1' })
      await eventually('the end', () => client.end === 'ended')
      expect(client.told).toEqual([])
    })

    test('tells how far it has come before its time is over, who wants to know', async () => {
      const resourceVersion = await bed().create('a')
      const query = { resourceVersion, timeoutSeconds: '4', labelSelector: '!x' }
      const [asked, other] = [await bed().watch({ ...query, allowWatchBookmarks: 'true' }), await bed().watch(query)]
      const last = await server().create(bed().web('b', { x: '' }))
      await eventually('the ends', () => asked.end === 'ended' && other.end === 'ended')
      expect(other.events).toEqual([])
      // One or more: real servers may repeat it.
      expect(new Set(asked.events.map(({ type, object }) => `${type} ${object.kind}`))).toEqual(
        new Set(['BOOKMARK Service']),
      )
      expect(Number(asked.events.at(-1)?.object.metadata?.resourceVersion)).toBeGreaterThanOrEqual(Number(last))
    })

    test('tells nothing of having come no further', async () => {
      const resourceVersion = await bed().create('a')
      const client = await bed().watch({ resourceVersion, timeoutSeconds: '3', allowWatchBookmarks: 'true' })
      await eventually('the end', () => client.end === 'ended')
      // There is none, unless somebody wrote something else meanwhile.
      const versions = client.events.map(({ object }) => Number(object.metadata?.resourceVersion))
      expect(versions.filter((version) => version <= Number(resourceVersion))).toEqual([])
    })

    test.each<[query: Query, status: number]>([
      [{ resourceVersion: 'x' }, 500],
      [{ timeoutSeconds: 'x' }, 400],
      [{ labelSelector: 'app in web' }, 400],
      [{ fieldSelector: 'spec.none=x' }, 400],
      [{ continue: 'x' }, 422],
      [{ resourceVersion: '1', resourceVersionMatch: 'NotOlderThan' }, 422],
    ])('for %o is refused with %i', async (query, status) => {
      const answer = await ask(server(), bed().services, { watch: '1', ...query })
      expect(answer).toMatchObject({ status, body: { kind: 'Status', code: status } })
      expect(answer.body.reason).toBe({ 400: 'BadRequest', 422: 'Invalid' }[status])
    })
  })

  describe('a list as a watch', () => {
    test('ends with an annotated bookmark, and goes on', async () => {
      await server().create(bed().web('a', { x: '' }))
      const version = await bed().create('b')
      const client = await bed().watch({ ...STREAM, labelSelector: '!x' })
      await told(client, 2)
      await bed().create('c')
      await told(client, 3)
      expect(client.events.map(({ type }) => type)).toEqual(['ADDED', 'BOOKMARK', 'ADDED'])
      expect(client.told.filter((text) => text.startsWith('ADDED'))).toEqual(['ADDED b', 'ADDED c'])
      const { metadata } = client.events[1]?.object ?? {}
      expect(metadata?.annotations).toEqual({ 'k8s.io/initial-events-end': 'true' })
      expect(Number(metadata?.resourceVersion)).toBeGreaterThanOrEqual(Number(version))
    })

    test('of nothing is the bookmark', async () => {
      const client = await bed().watch(STREAM)
      await told(client, 1)
      expect(client.events.map(({ type }) => type)).toEqual(['BOOKMARK'])
    })

    test.each(['0', 'passed'])('of version %s has the present state', async (version) => {
      const passed = await bed().create('a')
      await bed().create('b')
      const client = await bed().watch({ ...STREAM, resourceVersion: version === '0' ? version : passed })
      expect((await told(client, 3)).slice(0, 2)).toEqual(['ADDED a', 'ADDED b'])
    })

    test('does not say that it is complete to whom wants no bookmarks', async () => {
      await bed().create('a')
      const client = await bed().watch({ ...STREAM, allowWatchBookmarks: 'false' })
      await told(client, 1)
      await bed().create('b')
      expect(await told(client, 2)).toEqual(['ADDED a', 'ADDED b'])
    })

    test.each([{}, { resourceVersion: '0' }])('but without initial events, from %o, begins now', async (query) => {
      await bed().create('a')
      const client = await bed().watch({ ...query, resourceVersionMatch: 'NotOlderThan', sendInitialEvents: 'false' })
      await bed().create('b')
      expect(await told(client, 1)).toEqual(['ADDED b'])
    })

    test('of a future version is refused', async () => {
      const client = await bed().watch({ ...STREAM, resourceVersion: future(await bed().create('a')) })
      expect(await told(client, 1)).toEqual(['ERROR 504'])
      expect(client.events[0]?.object.details?.causes).toMatchObject([{ reason: 'ResourceVersionTooLarge' }])
      await eventually('the end', () => client.end === 'ended')
    })

    test.each<[match: Query, causes: readonly object[]]>([
      [{}, [FORBIDDEN]],
      [{ resourceVersionMatch: 'Exact' }, [FORBIDDEN, { reason: 'FieldValueNotSupported', field: FORBIDDEN.field }]],
    ])('needs NotOlderThan, and is refused with %o', async (match, causes) => {
      const query = { watch: '1', sendInitialEvents: 'true', allowWatchBookmarks: 'true', ...match }
      const answer = await ask(server(), bed().services, query)
      expect(answer).toMatchObject({ status: 422, body: { reason: 'Invalid', details: { kind: 'ListOptions' } } })
      expect(answer.body.details?.causes).toMatchObject(causes)
    })
  })
}
