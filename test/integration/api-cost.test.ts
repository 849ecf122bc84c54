import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { ApiServer } from '../apiserver/api-server.ts'
import { listenIn } from '../apiserver/listen-in.ts'
import type { SeenRequest } from '../apiserver/requests.ts'
import { WATCHED } from '../fixtures/kube-bed.ts'
import { Lab, type LabNode, until } from '../lab/index.ts'
import { Instance } from '../sluice/instance.ts'
import { endpointSlice, nodeObject, service } from '../sluice/manifests.ts'

const SERVICES = 250
const CHANGES = 100

let lab: Lab
let node: LabNode
let api: ApiServer
let sluice: Instance | undefined

beforeAll(async () => {
  lab = await Lab.create()
  node = await lab.node('node-1', { addresses: ['192.168.50.11/24'] })
})

beforeEach(async () => {
  api = new ApiServer({ withBulk: true })
  await listenIn(node, api)
  api.set(nodeObject('node-1', ['192.168.50.11']), nodeObject('node-2', ['192.168.50.12']))
  for (let i = 0; i < SERVICES; i++) {
    api.set(service(`web-${i}`, { clusterIPs: [`10.96.1.${i}`], ports: [{ port: 80 }] }), slice(i, 1))
  }
})

afterEach(async () => {
  await sluice?.dispose()
  await api.close()
})

afterAll(async () => {
  await lab.close()
})

function slice(which: number, host: number) {
  return endpointSlice(`web-${which}`, { ports: [{ port: 8080 }], endpoints: [`10.244.${which}.${host}`] })
}

async function start(): Promise<Instance> {
  const source = ['kube', '--server', api.url]
  sluice = await Instance.start(node, { source, args: ['--node-name', 'node-1', '--min-sync-period', '0s'] })
  await until(async () => WATCHED.every((one) => api.watching(one) === 1), { timeoutMs: 20_000, what: 'all watches' })
  return sluice
}

/** Without the Events that Sluice writes. */
function reads(): SeenRequest[] {
  return api.requests.filter(({ verb }) => verb !== 'create')
}

/** How often each resource was asked for in this way. */
function count(requests: readonly SeenRequest[], isIt: (request: SeenRequest) => boolean): number[] {
  return WATCHED.map((one) => requests.filter((request) => request.collection === one && isIt(request)).length)
}

const isStreamingList = ({ verb, query }: SeenRequest) => verb === 'watch' && query.has('sendInitialEvents')
const isFirstPage = ({ verb, query }: SeenRequest) => verb === 'list' && !query.has('continue')
const isServed = ({ status }: SeenRequest) => status === 200

test('at the start Sluice asks once for each resource: for a list that goes on as a watch', async () => {
  await start()
  expect(count(api.requests, isStreamingList)).toEqual([1, 1, 1, 1])
  expect(reads()).toHaveLength(WATCHED.length)
  const [nodes] = api.seen('nodes', 'watch')
  expect(nodes?.query.get('fieldSelector')).toBe('metadata.name=node-1')
})

test('an API server without such lists is asked for one in pages, and one watch', async () => {
  api.streamingLists = 'refused'
  await start()
  expect(count(api.requests, isFirstPage)).toEqual([1, 1, 1, 1])
  // The others are Services and EndpointSlices in pages of 100.
  expect(count(api.requests, ({ verb }) => verb === 'list')).toEqual([3, 3, 1, 1])
  expect(count(api.requests.filter(isServed), ({ verb }) => verb === 'watch')).toEqual([1, 1, 1, 1])
})

test('nothing is listed again while objects change and watches end, and only changes are sent', async () => {
  const instance = await start()
  const bytes = () => reads().reduce((sum, { bytesSent }) => sum + bytesSent, 0)
  const [requestsBefore, bytesBefore] = [reads().length, bytes()]
  const { revision } = await instance.status()
  for (let i = 0; i < CHANGES; i++) api.set(slice(i, 2))
  const last = api.objects('endpointslices').find((one) => JSON.stringify(one).includes('10.244.0.2'))
  const isServed = async () => {
    const status = await instance.status()
    return status.revision > revision && status.servedRevision === status.revision
  }
  await until(isServed, { timeoutMs: 20_000, what: 'the changes served' })
  const envelope = '{"type":"MODIFIED","object":}\n'.length
  // Their resource versions are as long as one another's.
  expect(bytes() - bytesBefore).toBeLessThanOrEqual(CHANGES * (JSON.stringify(last).length + envelope + 20))
  expect(reads()).toHaveLength(requestsBefore)
  api.advance()
  api.endWatches()
  await until(async () => reads().length === requestsBefore + WATCHED.length, {
    timeoutMs: 20_000,
    what: 'watches',
  })
  const resumes = reads().slice(requestsBefore)
  expect(count(resumes, ({ verb, query }) => verb === 'watch' && query.has('resourceVersion'))).toEqual([1, 1, 1, 1])
})
