import { describe, expect, test } from 'vitest'
import { ask } from '../client.ts'
import { bedOf, type Cases } from './bed.ts'

const EVENTS = '/apis/events.k8s.io/v1/namespaces/default/events'
const MERGE = { method: 'PATCH', contentType: 'application/merge-patch+json' }
const AT = '2026-01-02T03:04:05.000000Z'

const EVENT = {
  apiVersion: 'events.k8s.io/v1',
  kind: 'Event',
  eventTime: AT,
  type: 'Normal',
  reason: 'Why',
  action: 'Do',
  reportingController: 'sluice',
  reportingInstance: 'node-1',
  regarding: { kind: 'Node', name: 'node-1' },
}

export const eventCases: Cases = (server) => {
  const bed = bedOf(server)
  const named = (name: string) => ({ ...EVENT, metadata: { name, namespace: 'default' } })

  describe('an Event', () => {
    test.each([
      [{ action: '' }, 'action', 422],
      [{ reason: 'x'.repeat(129) }, 'reason', 422],
      [{ eventTime: undefined }, 'eventTime', 422],
      [{ eventTime: '2026-01-02T03:04:05Z' }, 'parsing time', 400],
      // As the field was called before.
      [{ note: 'x'.repeat(1025) }, 'message', 422],
      [{ type: 'Bad' }, 'type', 422],
      [{ reportingController: '-a' }, 'reportingController', 422],
      [{ reportingInstance: '' }, 'reportingInstance', 422],
      [{ series: { count: 1, lastObservedTime: AT } }, 'series.count', 422],
      [{ series: { count: 2 } }, 'series.lastObservedTime', 422],
      [{ metadata: { name: 'A_b', namespace: 'default' } }, 'metadata.name', 422],
      [{ metadata: { namespace: 'default' } }, 'metadata.name', 422],
      [{ metadata: { name: 'e', namespace: 'kube-system' } }, 'namespace', 400],
    ])('that is not as it must be is refused: %j', async (fields, told, status) => {
      const answer = await ask(server(), EVENTS, {}, { body: { ...named('e'), ...fields } })
      expect(answer).toMatchObject({ status, body: { kind: 'Status', code: status } })
      expect(answer.body.message).toContain(told)
    })

    test('about an object without a namespace is in a namespace of the cluster; about another anywhere', async () => {
      const { namespace } = bed()
      const path = `/apis/events.k8s.io/v1/namespaces/${namespace}/events`
      const body = { ...EVENT, metadata: { name: 'e', namespace } }
      const refused = await ask(server(), path, {}, { body })
      expect(refused.status).toBe(422)
      expect(refused.body.message).toContain('involvedObject.namespace')
      const regarding = { kind: 'Service', namespace: 'shop', name: 'web' }
      expect((await ask(server(), path, {}, { body: { ...body, regarding } })).status).toBe(201)
    })

    test('can be created, once', async () => {
      const body = named(`once-${bed().namespace}`)
      const made = await ask(server(), EVENTS, {}, { body })
      expect(made).toMatchObject({ status: 201, body: { kind: 'Event', metadata: body.metadata } })
      const { name } = body.metadata
      const again = await ask(server(), EVENTS, {}, { body })
      expect(again).toMatchObject({ status: 409, body: { reason: 'AlreadyExists' } })
      expect(again.body).toMatchObject({
        message: `events.events.k8s.io "${name}" already exists`,
        details: { name, group: 'events.k8s.io', kind: 'events' },
      })
      expect((await ask(server(), EVENTS, {}, { body: { ...body, kind: 'Service' } })).status).toBe(400)
    })

    test('gets a series, and nothing else of it changes', async () => {
      const body = named(`series-${bed().namespace}`)
      const path = `${EVENTS}/${body.metadata.name}`
      await ask(server(), EVENTS, {}, { body })
      const series = { count: 2, lastObservedTime: AT }
      const patched = await ask(server(), path, {}, { ...MERGE, body: { series } })
      expect(patched).toMatchObject({ status: 200, body: { series } })
      const refused = await ask(server(), path, {}, { ...MERGE, body: { reason: 'Other' } })
      expect(refused).toMatchObject({ status: 422, body: { reason: 'Invalid' } })
      expect(refused.body.message).toContain('reason: Invalid value')
      const plain = await ask(server(), path, {}, { method: 'PATCH', body: { series } })
      expect(plain).toMatchObject({ status: 415, body: { reason: 'UnsupportedMediaType' } })
      const none = await ask(server(), `${EVENTS}/none`, {}, { ...MERGE, body: { series } })
      expect(none).toMatchObject({ status: 404, body: { message: 'events.events.k8s.io "none" not found' } })
    })
  })
}
