import type { ApiServer } from '../apiserver/api-server.ts'
import type { Collection } from '../apiserver/collections.ts'
import type { Fault } from '../apiserver/faults.ts'
import { listenIn } from '../apiserver/listen-in.ts'
import { WATCHED } from '../fixtures/kube-bed.ts'
import { type LabNode, until } from '../lab/index.ts'
import type { Instance } from '../sluice/instance.ts'

/** What misfortunes befall. */
export interface Victims {
  readonly api: ApiServer
  readonly node: LabNode
  readonly sluice: Instance
}

/** Something that goes wrong between Sluice and the API server. */
export interface Misfortune {
  /** The collections of which Sluice cannot know without a new list what it has missed. */
  readonly relists: readonly Collection[]
  /** @returns ends it; called when changes were made meanwhile. */
  readonly begin: (victims: Victims) => Promise<() => Promise<void>>
}

const PATIENCE = { timeoutMs: 30_000, everyMs: 2 }

async function nothing(): Promise<void> {}

/** Answers fail in this way, those of watches that end now among them, until at least one has. */
function answering(fault: Fault): Misfortune {
  return {
    relists: [],
    begin: async ({ api }) => {
      const before = api.requests.length
      const lift = api.faults.add(fault)
      api.endWatches()
      return async () => {
        await until(async () => api.requests.length > before, { ...PATIENCE, what: 'a request that fails' })
        lift()
      }
    },
  }
}

/** The next event of a watch is sent by half. */
function cutting(by: 'end' | 'fin' | 'rst', collection: Collection): Misfortune {
  return {
    relists: [],
    begin: async ({ api }) => {
      const lift = api.faults.add({ kind: 'cut', by }, { collection, verb: 'watch', times: 1 })
      return async () => {
        lift()
      }
    },
  }
}

/** Every misfortune, by name. */
export const MISFORTUNES: Readonly<Record<string, Misfortune>> = {
  'none at all': { relists: [], begin: async () => nothing },
  'the server is killed': {
    relists: [],
    begin: async ({ api, node }) => {
      await api.close()
      return async () => listenIn(node, api)
    },
  },
  'the server is killed, and has compacted its history': {
    relists: WATCHED,
    begin: async ({ api, node }) => {
      await api.close()
      return async () => {
        api.compact()
        await listenIn(node, api)
      }
    },
  },
  'the server hangs': {
    relists: [],
    begin: async ({ api }) => {
      const before = api.requests.length
      const lift = api.faults.add({ kind: 'pause' })
      api.silence()
      return async () => {
        await until(async () => api.requests.length > before, { ...PATIENCE, what: 'a request that is not answered' })
        lift()
      }
    },
  },
  'connections vanish without FIN': {
    relists: [],
    begin: async ({ api, node, sluice }) => {
      const port = new URL(api.url).port
      const rules = ['dport', 'sport'].map((side) => `add rule inet torture input tcp ${side} ${port} drop`)
      const chain = 'add chain inet torture input { type filter hook input priority -300; }'
      await node.exec('nft', [['add table inet torture', chain, ...rules].join('; ')])
      await api.close()
      await listenIn(node, api)
      return async () => {
        await sluice.waitFor('the silence noticed', ({ problems }) => problems.length > 0, PATIENCE.timeoutMs)
        await node.exec('nft', ['delete table inet torture'])
      }
    },
  },
  'a watch ends with an event that says 410': {
    relists: WATCHED,
    begin: async ({ api }) => {
      api.expireWatches()
      return nothing
    },
  },
  'a watch is answered with 410': {
    relists: ['services'],
    begin: async ({ api }) => {
      const before = api.seen('services', 'watch').length
      api.faults.add({ kind: 'refuse', status: 410 }, { collection: 'services', verb: 'watch', times: 1 })
      api.endWatches('services')
      const isAsked = async () => api.seen('services', 'watch').length > before
      return async () => {
        await until(isAsked, { ...PATIENCE, what: 'a watch' })
      }
    },
  },
  'requests are answered with 429': answering({ kind: 'refuse', status: 429, retryAfterSeconds: 1 }),
  'requests are answered with 500': answering({ kind: 'refuse', status: 500 }),
  'a gateway answers with 502': answering({ kind: 'answer', status: 502, body: '<html>Bad Gateway</html>' }),
  'requests are cut by FIN': answering({ kind: 'drop', by: 'fin' }),
  'requests are cut by RST': answering({ kind: 'drop', by: 'rst' }),
  'half an event, and a proper end': cutting('end', 'services'),
  'half an event, and FIN': cutting('fin', 'endpointslices'),
  'half an event, and RST': cutting('rst', 'endpointslices'),
  'the stream is slow': {
    relists: [],
    begin: async ({ api }) => {
      const lift = api.faults.add({ kind: 'trickle', bytesPerSecond: 8000 }, { verb: 'watch' })
      api.endWatches()
      return async () => {
        lift()
      }
    },
  },
  'events come twice': {
    relists: [],
    begin: async ({ api }) => {
      api.repeat('services', 3)
      return async () => {
        api.repeat('endpointslices', 3)
      }
    },
  },
  'the clock is set': {
    relists: [],
    begin: async ({ sluice }) => {
      sluice.process.kill('SIGUSR2')
      return nothing
    },
  },
}
