import { setTimeout as delay } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { EXIT } from '../../src/cli/exit-codes.ts'
import { ApiServer } from '../apiserver/api-server.ts'
import type { Collection } from '../apiserver/collections.ts'
import { listenIn } from '../apiserver/listen-in.ts'
import type { SeenRequest } from '../apiserver/requests.ts'
import type { StreamingLists } from '../apiserver/watch.ts'
import { WATCHED } from '../fixtures/kube-bed.ts'
import { Lab, type LabNode, now, until } from '../lab/index.ts'
import { arbitrarySteps, type Change, NODE, POOLS } from '../property/arbitrary-cluster.ts'
import { Cluster } from '../property/cluster.ts'
import { meaningsFromScratch, meaningsIn } from '../property/from-scratch.ts'
import type { Meanings } from '../property/meaning.ts'
import { patience, runs } from '../property/runs.ts'
import { Instance } from '../sluice/instance.ts'
import { ManifestFolder, nodeObject } from '../sluice/manifests.ts'
import { MISFORTUNES, type Misfortune, type Victims } from './misfortunes.ts'

const { numRuns: ROUNDS = 0, seed: SEED = Math.trunc(Math.random() * 2 ** 31) } = runs(200)
/** A fresh process reads the same objects from a file after so many rounds, and at the end. */
const FRESH_EVERY = 50
const CONVERGES_MS = 30_000
const OPTIONS = ['--node-name', NODE, '--cluster-cidr', POOLS.clusterCIDRs.join(','), '--min-sync-period', '0s']
const AGENT = [process.execPath, new URL('./agent.ts', import.meta.url).pathname] as const
const ADDRESSES = [...POOLS.nodeAddresses]

interface Round {
  readonly misfortune: string
  readonly streamingLists: StreamingLists
  /** Before it, while it lasts, and after it. */
  readonly changes: readonly [readonly Change[], readonly Change[], readonly Change[]]
}

/** Of Services and EndpointSlices; the Node stays. */
const arbitraryChanges = arbitrarySteps.map((steps) => {
  const changes = steps.filter((step) => typeof step !== 'string').flat(2)
  return changes.filter((change) => !('set' in change ? String(change.set['kind']) : change.delete).startsWith('Node'))
})

const arbitraryRound = fc.record({
  misfortune: fc.constantFrom(...Object.keys(MISFORTUNES)),
  streamingLists: fc.constantFrom<StreamingLists[]>('offered', 'refused', 'ignored'),
  changes: arbitraryChanges.map((all): Round['changes'] => {
    const [a, b] = [Math.ceil(all.length / 3), Math.ceil((all.length * 2) / 3)]
    return [all.slice(0, a), all.slice(a, b), all.slice(b)]
  }),
})

/** The objects, as they are told to the API server. */
class Objects {
  readonly api: ApiServer
  readonly #cluster = new Cluster()

  constructor(api: ApiServer) {
    this.api = api
    this.change([{ set: nodeObject(NODE, ADDRESSES) }])
  }

  get manifests() {
    return [...this.#cluster.manifests.values()]
  }

  change(changes: readonly Change[]): void {
    for (const change of changes) {
      const before = this.#cluster.manifests
      if ('set' in change) this.api.set(change.set)
      else if (before.has(change.delete)) this.api.delete(before.get(change.delete) ?? {})
      this.#cluster.update([change])
    }
  }

  /** What tables do that are made at once of the present objects, on a kernel in memory. */
  async meanings(): Promise<Meanings> {
    return meaningsFromScratch(this.manifests, POOLS.clusterCIDRs)
  }
}

/**
 * Begins to tell everything anew: the first page of a list, or a list as a watch. A list from a resource version is none: it asks
 * with one object whether the API server has come so far.
 */
function isList({ verb, query, status }: SeenRequest): boolean {
  if (status !== 200) return false
  return verb === 'list'
    ? !query.has('continue') && !query.has('resourceVersion')
    : query.get('sendInitialEvents') === 'true'
}

function isWatch({ verb, status }: SeenRequest): boolean {
  return verb === 'watch' && status === 200
}

function listsOf(requests: readonly SeenRequest[], collection: Collection): number {
  return requests.filter((request) => request.collection === collection && isList(request)).length
}

/** The last that was asked is a watch, and it goes on. */
function isWatched(api: ApiServer, collection: Collection): boolean {
  const last = api.requests.findLast((request) => request.collection === collection)
  return last !== undefined && isWatch(last) && last.isOpen
}

async function converges(node: LabNode, expected: Meanings, what: string): Promise<void> {
  const deadline = now() + CONVERGES_MS
  for (;;) {
    // It changes while it is read.
    const seen = await meaningsIn(node).catch((error: unknown) => error)
    if (isDeepStrictEqual(seen, expected)) return
    if (now() > deadline) expect(seen, what).toEqual(expected)
    // The API server is in this process.
    await delay(5)
  }
}

/** What a fresh process makes of the same objects in a file. */
async function freshMeanings(node: LabNode, objects: Objects): Promise<Meanings> {
  await node.exec('nft', ['flush', 'ruleset'])
  const folder = new ManifestFolder()
  folder.write('objects.yaml', objects.manifests)
  const once = Instance.spawn(node, { input: folder.path, args: [...OPTIONS, '--once'] })
  const { code } = await once.ended()
  // Claims that lost to others are skipped.
  expect([EXIT.ok, EXIT.skipped], once.output).toContain(code)
  await once.dispose()
  folder.dispose()
  return meaningsIn(node)
}

/** Sluice, and all that befalls it. */
class Torture {
  readonly #victims: Victims
  readonly #objects: Objects
  readonly #fresh: LabNode
  resumes = 0
  lists = 0

  private constructor(victims: Victims, objects: Objects, fresh: LabNode) {
    this.#victims = victims
    this.#objects = objects
    this.#fresh = fresh
  }

  static async begin(lab: Lab): Promise<Torture> {
    const addresses = ADDRESSES.map((address) => `${address}/${address.includes(':') ? 64 : 24}`)
    const node = await lab.node('node', { addresses })
    const fresh = await lab.node('fresh', { addresses: [] })
    const api = new ApiServer({ bookmarkMs: 100 })
    await listenIn(node, api)
    const objects = new Objects(api)
    const sluice = await Instance.start(node, { command: AGENT, source: ['kube', '--server', api.url], args: OPTIONS })
    return new Torture({ api, node, sluice }, objects, fresh)
  }

  async end(): Promise<void> {
    await this.#victims.sluice.dispose()
    await this.#victims.api.close()
  }

  /** Ends when the kernel is as it must be, and all is watched again. */
  async round({ misfortune, streamingLists, changes }: Round, what: string): Promise<void> {
    const { api, node } = this.#victims
    const { relists, begin } = misfortuneOf(misfortune)
    const first = api.requests.length
    const listed = (collection: Collection) => listsOf(api.requests.slice(first), collection)
    api.streamingLists = streamingLists
    this.#objects.change(changes[0])
    const end = await begin(this.#victims)
    this.#objects.change(changes[1])
    await end()
    this.#objects.change(changes[2])
    await converges(node, await this.#objects.meanings(), what)
    const isOver = () => relists.every((one) => listed(one) > 0) && WATCHED.every((one) => isWatched(api, one))
    await until(isOver, { timeoutMs: CONVERGES_MS, everyMs: 2, what: `watches after ${what}` })
    for (const collection of WATCHED) {
      this.lists += listed(collection)
      if (!relists.includes(collection)) expect(listed(collection), `lists of ${collection} in ${what}`).toBe(0)
    }
    this.resumes += api.requests.slice(first).filter((request) => isWatch(request) && !isList(request)).length
  }

  /** The kernel does what a fresh process makes it do. */
  async compare(what: string): Promise<void> {
    expect(await meaningsIn(this.#victims.node), what).toEqual(await freshMeanings(this.#fresh, this.#objects))
  }
}

function misfortuneOf(name: string): Misfortune {
  const found = MISFORTUNES[name]
  if (found === undefined) throw new TypeError(`nothing is known of ${name}`)
  return found
}

test(
  `the kernel follows the API server through ${ROUNDS} misfortunes, and lists again only where it must`,
  async () => {
    console.log(`PROPERTY_SEED=${SEED}`)
    await using lab = await Lab.create()
    const torture = await Torture.begin(lab)
    try {
      for (const [i, round] of fc.sample(arbitraryRound, { numRuns: ROUNDS, seed: SEED }).entries()) {
        const what = `round ${i + 1}: ${round.misfortune}, lists as watches ${round.streamingLists}`
        await torture.round(round, what)
        if ((i + 1) % FRESH_EVERY === 0 || i + 1 === ROUNDS) await torture.compare(what)
      }
    } finally {
      await torture.end()
    }
    console.log(`${ROUNDS} rounds: ${torture.resumes} resumes, ${torture.lists} lists, all of them necessary`)
  },
  patience(120_000),
)
