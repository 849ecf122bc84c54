import { setImmediate } from 'node:timers/promises'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { ServiceKey } from '../../src/model/service.ts'
import { NodeView } from '../../src/node/view.ts'
import { ApiSource } from '../../src/sources/api/api-source.ts'
import { LocalSource } from '../../src/sources/api/local-source.ts'
import type { LocalState } from '../../src/store/local-state.ts'
import { Store } from '../../src/store/store.ts'
import { virtualServers } from '../../src/virtual-server/from-local.ts'
import type { Pool, PoolEndpoint } from '../../src/virtual-server/virtual-server.ts'
import { TestServer } from '../fixtures/api-server.ts'
import { arbitrarySteps, NODE, POOLS } from '../property/arbitrary-cluster.ts'
import { Cluster } from '../property/cluster.ts'
import { patience, runs } from '../property/runs.ts'

const KEYS = POOLS.services.map(({ namespace, name }) => `${namespace}/${name}` as ServiceKey)
/** How long a remote state may take to follow. Milliseconds. */
const FOLLOW_MS = 5000

/** What a node would serve, in an order of its own: which endpoint comes first in a pool does not matter. */
function servedText(state: Pick<LocalState, 'local'>): string[] {
  const endpoints = (list: readonly PoolEndpoint[]) => list.map((entry) => JSON.stringify(entry)).sort()
  const pool = (of: Pool | undefined) => of && { ...of, endpoints: endpoints(of.endpoints) }
  return KEYS.flatMap((key) => {
    const local = state.local(key)
    return local === undefined ? [] : virtualServers(local)
  })
    .map((server) =>
      JSON.stringify({
        ...server,
        pool: pool(server.pool),
        shortCircuit: pool(server.shortCircuit),
        serving: endpoints(server.serving),
        sourceRanges: [...server.sourceRanges].sort(),
      }),
    )
    .sort()
}

/** What a node does, of the state as it is now. */
class NodeViewOnce {
  readonly #view: NodeView

  constructor(store: Store) {
    this.#view = new NodeView(store, NODE)
    void this.#view.close()
  }

  local(key: ServiceKey) {
    return this.#view.local(key)
  }
}

async function follows(state: Pick<LocalState, 'local'>, wanted: readonly string[]): Promise<void> {
  const end = performance.now() + FOLLOW_MS
  while (performance.now() < end && servedText(state).join('\n') !== wanted.join('\n')) await setImmediate()
  expect(servedText(state)).toEqual(wanted)
}

test(
  'an agent that is told over the wire serves what one in the same process does, by either API and after every change',
  async () => {
    await fc.assert(
      fc.asyncProperty(arbitrarySteps, async (steps) => {
        const cluster = new Cluster()
        const { store } = cluster
        const server = await TestServer.start({ store })
        const target = { address: { kind: 'tcp', host: '127.0.0.1', port: server.port } } as const
        const local = new LocalSource({ target, nodeName: NODE })
        const remoteStore = new Store()
        const global = new ApiSource({ store: remoteStore, target })
        // A view takes in where its node is when it is made.
        const at = (of: Store): Pick<LocalState, 'local'> => ({ local: (key) => new NodeViewOnce(of).local(key) })
        try {
          store.markSynced()
          await Promise.all([local.start(), global.start()])
          for (const step of steps) {
            if (typeof step === 'string') continue
            for (const changes of step) cluster.update(changes)
            const wanted = servedText(at(store))
            await follows(local, wanted)
            await follows(at(remoteStore), wanted)
          }
          expect([...local.problems(), ...global.problems()].filter(({ severity }) => severity === 'error')).toEqual([])
        } finally {
          await Promise.all([local.close(), global.close()])
          await server.close()
        }
      }),
      runs(40),
    )
  },
  patience(5000),
)
