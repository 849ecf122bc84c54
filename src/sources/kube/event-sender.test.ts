import { afterEach, beforeEach, expect, test } from 'vitest'
import { ApiServer } from '../../../test/apiserver/api-server.ts'
import { service } from '../../../test/sluice/manifests.ts'
import type { EventNote } from '../../observe/events.ts'
import type { ApiAnswer } from './connection.ts'
import { KubeEventSender } from './event-sender.ts'

const AT = new Date(Date.UTC(2026, 0, 2, 3, 4, 5, 678))
const WEB: EventNote = {
  type: 'Warning',
  reason: 'InvalidField',
  action: 'ReadObject',
  note: 'what is wrong',
  regarding: { apiVersion: 'v1', kind: 'Service', namespace: 'shop', name: 'web' },
}
const NODE: EventNote = { ...WEB, regarding: { apiVersion: 'v1', kind: 'Node', namespace: '', name: 'node-1' } }

let api: ApiServer
let sender: KubeEventSender
let answers: ApiAnswer[]

beforeEach(async () => {
  api = new ApiServer({ withBulk: true })
  await api.listen('127.0.0.1')
  answers = []
  sender = new KubeEventSender({ url: new URL(api.url) }, 'node-1', (answer) => answers.push(answer))
})

afterEach(async () => {
  sender.close()
  await api.close()
})

function events(): readonly Record<string, unknown>[] {
  return api.objects('events')
}

async function named(event: EventNote): Promise<string> {
  const sent = await sender.create(event, AT)
  if ('refused' in sent) throw new Error(sent.refused)
  return sent.name
}

test('an Event is about an object as kubectl looks for it, with its uid', async () => {
  api.set(service('web', { namespace: 'shop', clusterIPs: ['10.96.0.1'], ports: [{ port: 80 }] }))
  const [stored] = api.objects('services') as readonly { metadata: { uid?: string } }[]
  const name = await named(WEB)
  expect(stored?.metadata.uid).toBeTruthy()
  expect(events()).toMatchObject([
    {
      metadata: { name, namespace: 'shop' },
      type: 'Warning',
      reason: 'InvalidField',
      action: 'ReadObject',
      note: 'what is wrong',
      eventTime: '2026-01-02T03:04:05.678000Z',
      regarding: { apiVersion: 'v1', kind: 'Service', namespace: 'shop', name: 'web', uid: stored?.metadata.uid },
      reportingController: 'sluice',
      reportingInstance: 'node-1',
    },
  ])
})

test('one about a node is in the namespace default, with its name as uid', async () => {
  await named(NODE)
  expect(events()).toMatchObject([{ metadata: { namespace: 'default' }, regarding: { name: 'node-1', uid: 'node-1' } }])
  expect(api.requests).toHaveLength(1)
})

test('an object that is gone is told without uid', async () => {
  await named(WEB)
  expect(events()[0]?.['regarding']).toEqual({ apiVersion: 'v1', kind: 'Service', namespace: 'shop', name: 'web' })
})

test('a repetition makes it a series', async () => {
  const name = await named(NODE)
  const lastAt = new Date(AT.getTime() + 1000)
  expect(await sender.repeat(NODE, name, { count: 2, lastAt })).toEqual({ name })
  expect(events()).toMatchObject([
    { note: 'what is wrong', series: { count: 2, lastObservedTime: '2026-01-02T03:04:06.678000Z' } },
  ])
})

test('two at the same time have two names, and names and notes are as long as is accepted', async () => {
  const long = { ...NODE, note: 'x'.repeat(3000), regarding: { ...NODE.regarding, name: 'n'.repeat(253) } }
  const names = [await named(long), await named(long), await named(NODE)]
  expect(new Set(names).size).toBe(3)
  expect(events()).toHaveLength(3)
})

test('what is refused is not to be tried again', async () => {
  const lift = api.faults.add({ kind: 'refuse', status: 403, message: 'no right to' }, { verb: 'create' })
  expect(JSON.stringify(await sender.create(NODE, AT))).toMatch(/"refused":.*no right to/)
  lift()
  expect(JSON.stringify(await sender.repeat(NODE, 'gone', { count: 2, lastAt: AT }))).toMatch(/"refused":.*404/)
})

test.each([429, 500, 503])('after %i it may be tried again', async (status) => {
  api.faults.add({ kind: 'refuse', status }, { verb: 'create', times: 1 })
  await expect(sender.create(NODE, AT)).rejects.toThrow(String(status))
  await named(NODE)
})

test('who cannot be reached may be tried again', async () => {
  await api.close()
  await expect(sender.create(NODE, AT)).rejects.toMatchObject({ code: 'SOURCE_UNREACHABLE' })
})

test('closed, it does not wait for an answer', async () => {
  api.faults.add({ kind: 'pause' })
  const sent = sender.create(NODE, AT)
  setImmediate(() => sender.close())
  await expect(sent).rejects.toThrow()
})

test('requests are told to be measured', async () => {
  api.faults.add({ kind: 'refuse', status: 403 }, { verb: 'create', times: 1 })
  await sender.create(NODE, AT)
  await named(WEB)
  const { host } = new URL(api.url)
  expect(answers).toMatchObject([
    { method: 'POST', host, code: '403' },
    { method: 'GET', host, code: '200' },
    { method: 'POST', host, code: '201' },
  ])
  await api.close()
  await expect(sender.create(NODE, AT)).rejects.toThrow()
  expect(answers.at(-1)).toMatchObject({ method: 'POST', code: '<error>' })
})
