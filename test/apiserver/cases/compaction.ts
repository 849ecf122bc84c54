import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ask } from '../client.ts'
import { Bed, type Cases, eventually, names, told } from './bed.ts'

/** One compaction for all: a real API server has to be started again for it. */
export const compactionCases: Cases = (server) => {
  describe('history that was compacted', () => {
    let bed: Bed
    /** A version, and a continuation, of before. */
    let version = ''
    let next = ''
    /** What was written after it. */
    let present = ''

    beforeAll(async () => {
      bed = await Bed.create(server())
      version = await bed.create('a')
      await bed.create('b', 'c')
      next = (await bed.list({ limit: '1' })).body.metadata?.continue ?? ''
      await server().delete(bed.web('b'))
      await server().forget()
      present = await bed.create('d')
    }, 180_000)

    afterAll(() => bed.close())

    test('ends pages with 410, with a token that goes on in the present state', async () => {
      const gone = await bed.list({ limit: '1', continue: next })
      expect(gone).toMatchObject({ status: 410, body: { kind: 'Status', reason: 'Expired', code: 410 } })
      expect(gone.body.message).toContain('The provided continue parameter is too old')
      const rest = await bed.list({ continue: gone.body.metadata?.continue ?? '' })
      expect(names(rest)).toEqual(['c', 'd'])
      expect(rest.body.metadata).toEqual({ resourceVersion: expect.any(String) as string })
      expect(Number(rest.body.metadata?.resourceVersion)).toBeGreaterThanOrEqual(Number(present))
      const page = await bed.list({ limit: '1', continue: gone.body.metadata?.continue ?? '' })
      expect(page.body.metadata).toMatchObject({ remainingItemCount: 1 })
    })

    test.each(['Exact', 'limit'])('cannot be listed by %s', async (by) => {
      const exactly = by === 'limit' ? { limit: '5' } : { resourceVersionMatch: by }
      const answer = await bed.list({ resourceVersion: version, ...exactly })
      expect(answer).toMatchObject({ status: 410, body: { kind: 'Status', reason: 'Expired', code: 410 } })
      expect(answer.body.message).toBe('The resourceVersion for the provided list is too old.')
    })

    test('does not matter to who takes any state that is not older', async () => {
      expect(names(await bed.list({ resourceVersion: version }))).toEqual(['a', 'c', 'd'])
    })

    test('ends a watch from there with an error event', async () => {
      const client = await bed.watch({ resourceVersion: version })
      expect(await told(client, 1)).toEqual(['ERROR 410'])
      const { kind, reason, message } = client.events[0]?.object ?? {}
      expect({ kind, reason }).toEqual({ kind: 'Status', reason: 'Expired' })
      expect(message).toMatch(new RegExp(`^too old resource version: ${version} \\(\\d+\\)$`))
      await eventually('the end', () => client.end === 'ended')
    })

    test('does not matter to a watch without a version, nor to one that begins now', async () => {
      const client = await bed.watch({ resourceVersionMatch: 'NotOlderThan', sendInitialEvents: 'false' })
      const other = await bed.watch()
      expect(await told(other, 3)).toEqual(['ADDED a', 'ADDED c', 'ADDED d'])
      await bed.create('e')
      expect(await told(client, 1)).toEqual(['ADDED e'])
      expect((await ask(server(), bed.services, { limit: '1' })).status).toBe(200)
    })
  })
}
