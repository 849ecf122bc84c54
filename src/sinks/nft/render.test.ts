import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ip, local, localEndpoint, service, servicePort } from '../../../test/fixtures/services.ts'
import { formatVerdict } from '../../kernel/nftables/verdict.ts'
import { type IpAddress, parseCidr } from '../../model/ip.ts'
import type { LocalService } from '../../model/local.ts'
import { type ServiceKey, serviceKey } from '../../model/service.ts'
import { Destinations } from '../../virtual-server/destinations.ts'
import { virtualServers } from '../../virtual-server/from-local.ts'
import { ClassTable } from './classes.ts'
import type { SetElement } from './elements.ts'
import { buildLayout, CLASS_MASK, POOL_MASK } from './layout.ts'
import { type RenderedChanges, RenderedState } from './render.ts'

const layout = buildLayout(4, { detector: 'none', dropInvalid: true })

/** `SET KEY` and the rest of an element. */
function entryOf({ set, key, keyEnd, data, comment }: SetElement): [string, string] {
  const value =
    data === undefined ? '' : data instanceof Uint8Array ? Buffer.from(data).toString('hex') : formatVerdict(data)
  const end = keyEnd === undefined ? '' : `-${Buffer.from(keyEnd).toString('hex')}`
  return [`${set.name} ${Buffer.from(key).toString('hex')}${end}`, `${value} ${comment ?? ''}`]
}

function contentOf(state: RenderedState): Map<string, string> {
  return new Map([...state.elements()].map(entryOf))
}

/** The same from elements that share their bytes. */
function* passing(state: RenderedState): Generator<[string, string]> {
  for (const element of state.passingElements()) yield entryOf(element)
}

/** The kernel's sets: deletions first, then additions; both must find what they expect. */
function applyTo(content: Map<string, string>, { removed, added }: RenderedChanges): void {
  for (const element of removed) {
    const [key] = entryOf(element)
    if (!content.delete(key)) expect.fail(`${key} is taken away and is not there`)
  }
  for (const element of added) {
    const [key, value] = entryOf(element)
    if (content.has(key)) expect.fail(`${key} is added and is there already`)
    content.set(key, value)
  }
}

function differencesOf(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): string[] {
  return [...new Set([...a.keys(), ...b.keys()])].filter((key) => a.get(key) !== b.get(key))
}

/** Which endpoints clients on this node get, where they get others. */
function wholeOf(content: ReadonlyMap<string, string>, pool: Buffer): unknown {
  if (!content.has(`short-circuits ${pool.toString('hex')}`)) return undefined
  const [hex = ''] = content.get(`short-circuits ${pool.toString('hex')}`)?.split(' ') ?? []
  const number = Buffer.from(hex, 'hex').readUInt32LE()
  const [whole, index] = [Buffer.alloc(4), Buffer.alloc(4)]
  whole.writeUInt32LE((number & POOL_MASK) >>> 0)
  index.writeUInt32LE(number & CLASS_MASK)
  const slots = [...content].filter(([slot]) => slot.startsWith(`endpoints ${whole.toString('hex')}`))
  return {
    pick: content.get(`picks ${index.toString('hex')}`),
    endpoints: slots.map(([, data]) => data.split(' ')[0]).sort(),
  }
}

/** What the elements mean: destinations with their treatment and endpoints, without the numbers that were given out. */
function meaningOf(content: ReadonlyMap<string, string>): Map<string, unknown> {
  const meaning = new Map<string, unknown>()
  for (const [key, value] of content) {
    const [set = '', bytes = ''] = key.split(' ')
    if (set !== 'services' && set !== 'node-ports') {
      if (set === 'cluster-ips' || set === 'node-ips' || set === 'hairpin' || set === 'source-ranges')
        meaning.set(key, value)
      continue
    }
    const [hex = '', comment] = value.split(' ')
    const number = Buffer.from(hex, 'hex').readUInt32LE()
    const index = Buffer.alloc(4)
    index.writeUInt32LE(number & CLASS_MASK)
    const pool = Buffer.alloc(4)
    pool.writeUInt32LE((number & POOL_MASK) >>> 0)
    const slots = [...content].filter(([slot]) => slot.startsWith(`endpoints ${pool.toString('hex')}`))
    meaning.set(`${set} ${bytes}`, {
      comment,
      dispatch: content.get(`classes ${index.toString('hex')}`),
      allowed: content.get(`allowed ${index.toString('hex')}`),
      pick: content.get(`picks ${index.toString('hex')}`),
      input: content.get(`input-classes ${index.toString('hex')}`),
      post: content.get(`post-classes ${index.toString('hex')}`),
      whole: wholeOf(content, pool),
      endpoints: number & POOL_MASK ? slots.map(([, data]) => data.split(' ')[0]).sort() : [],
      slots: slots.map(([slot]) => Buffer.from(slot.slice(-8), 'hex').readUInt32LE()).sort((a, b) => a - b),
    })
  }
  return meaning
}

/** Few of everything, so that Services share addresses, ports and endpoints. */
const arbitraryService = (name: string): fc.Arbitrary<LocalService> =>
  fc
    .record({
      clusterIP: fc.constantFrom('10.96.0.1', '10.96.0.2', '10.96.0.3'),
      external: fc.uniqueArray(fc.constantFrom('192.0.2.1', '192.0.2.2', '10.96.0.1'), { maxLength: 2 }),
      nodePort: fc.constantFrom(0, 30001, 30002),
      ports: fc.constantFrom<(readonly [string, number])[]>(
        [['http', 80]],
        [
          ['http', 80],
          ['https', 443],
        ],
        [['http', 81]],
      ),
      creationTimestamp: fc.integer({ min: 0, max: 2 }),
      ranges: fc.uniqueArray(fc.constantFrom('10.0.0.0/8', '10.1.0.0/16', '192.168.0.0/16'), { maxLength: 3 }),
      affinity: fc.constantFrom(undefined, 60),
      internal: fc.constantFrom('Cluster', 'Local'),
      externalPolicy: fc.constantFrom('Cluster', 'Local'),
      endpoints: fc.oneof(
        fc.uniqueArray(fc.tuple(fc.integer({ min: 1, max: 8 }), fc.boolean()), { maxLength: 6, selector: ([n]) => n }),
        fc
          .integer({ min: 30, max: 40 })
          .map((count) => Array.from({ length: count }, (_, i): [number, boolean] => [i + 1, false])),
      ),
    })
    .map(
      ({
        clusterIP,
        external,
        nodePort,
        ports,
        creationTimestamp,
        ranges,
        affinity,
        internal,
        externalPolicy,
        endpoints,
      }) =>
        local(
          service(name, {
            clusterIPs: [ip(clusterIP)],
            externalIPs: external.slice(1).map(ip),
            loadBalancerIPs: external.slice(0, 1).map(ip),
            loadBalancerSourceRanges: ranges.flatMap((range) => parseCidr(range) ?? []),
            creationTimestamp,
            clientIPAffinitySeconds: affinity,
            internalTrafficPolicy: internal,
            externalTrafficPolicy: externalPolicy,
            ports: ports.map(([of, port], i) => servicePort({ name: of, port, nodePort: i === 0 ? nodePort : 0 })),
          }),
          endpoints.map(([number, isLocal]) =>
            localEndpoint(`10.1.0.${number}`, {
              local: isLocal,
              scopes: {
                internal: internal === 'Cluster' || isLocal,
                external: externalPolicy === 'Cluster' || isLocal,
              },
              ports: ports.map(([of], i) => ({ name: of, protocol: 'TCP', port: 8080 + i })),
            }),
          ),
        ),
    )

const NAMES = ['a', 'b', 'c', 'd']
const arbitraryUpdate = fc.record({
  changes: fc.array(
    fc.constantFrom(...NAMES).chain((name) => {
      return fc.tuple(
        fc.constant(serviceKey('default', name)),
        fc.option(arbitraryService(name), { freq: 3, nil: undefined }),
      )
    }),
    { minLength: 1, maxLength: 3 },
  ),
  nodeIPs: fc.option(fc.uniqueArray(fc.constantFrom('172.18.0.2', '172.18.0.3', 'fc00::2'), { maxLength: 3 }), {
    nil: undefined,
  }),
})

class Brain {
  readonly destinations = new Destinations()
  readonly services = new Map<ServiceKey, LocalService>()
  nodeIPs: IpAddress[] = []

  update(
    state: RenderedState,
    changes: readonly (readonly [ServiceKey, LocalService | undefined])[],
    nodeIPs?: IpAddress[],
  ) {
    for (const [key, of] of changes) {
      if (of === undefined) this.services.delete(key)
      else this.services.set(key, of)
    }
    this.nodeIPs = nodeIPs ?? this.nodeIPs
    const services = new Map(changes.map(([key, of]) => [key, of === undefined ? [] : virtualServers(of)]))
    return state.update(this.destinations.update({ services })[4], { nodeAddresses: nodeIPs })
  }
}

describe('RenderedState', () => {
  it('changes exactly what differs, and comes to what a fresh state comes to', { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(fc.array(arbitraryUpdate, { minLength: 1, maxLength: 12 }), (updates) => {
        const brain = new Brain()
        const state = new RenderedState(layout, { podCIDRs: [] })
        const content = new Map<string, string>()
        const chains = new Set<string>()
        for (const { changes, nodeIPs } of updates) {
          const rendered = brain.update(state, changes, nodeIPs?.map(ip))
          for (const chain of rendered.chains) chains.add(chain)
          applyTo(content, rendered)
          expect(differencesOf(content, contentOf(state))).toEqual([])
          expect(differencesOf(content, new Map([...passing(state)]))).toEqual([])
          for (const chain of state.ownChains()) expect([...chains]).toContain(chain)
        }
        const fresh = new RenderedState(layout, { podCIDRs: [] })
        new Brain().update(fresh, [...brain.services], brain.nodeIPs)
        expect(meaningOf(content)).toEqual(meaningOf(contentOf(fresh)))
        expect(state.counts).toEqual(fresh.counts)
      }),
      { numRuns: 300 },
    )
  })

  it('comes to the same in the order of the Services, whatever it is', { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(fc.tuple(...NAMES.map(arbitraryService)), (services) => {
        const contents = [services, [...services].reverse()].map((order) => {
          const state = new RenderedState(layout, { podCIDRs: [] })
          new Brain().update(
            state,
            order.map((of) => [of.key, of] as const),
            [],
          )
          return meaningOf(contentOf(state))
        })
        expect(contents[0]).toEqual(contents[1])
      }),
    )
  })

  it('keeps the classes that only short circuits use when it forgets others', async () => {
    const classes = new ClassTable()
    const some = {
      slots: 1,
      whenEmpty: 'reject',
      masquerade: 'always',
      isShortCircuited: false,
      isRestricted: false,
    } as const
    for (let seconds = 1; !classes.isCrowded; seconds++) classes.indexOf({ ...some, affinitySeconds: seconds })
    const web = service('web', {
      clusterIPs: [ip('10.96.0.1')],
      externalIPs: [ip('192.0.2.1')],
      internalTrafficPolicy: 'Local',
      externalTrafficPolicy: 'Local',
    })
    const elsewhere = { scopes: { internal: false, external: false } }
    const of = local(
      web,
      ['10.1.0.1', '10.1.0.2', '10.1.0.3'].map((address) => localEndpoint(address, elsewhere)),
    )
    const winners = new Destinations().update({ services: new Map([[of.key, virtualServers(of)]]) })[4]
    const state = new RenderedState(layout, { podCIDRs: [] })
    const nothing = { poolOf: () => undefined, wholePoolOf: () => undefined, endpointsOf: () => [] }
    await state.load({ classes, ...nothing }, winners, {})
    state.compact()
    const content = contentOf(state)
    const [[, value] = []] = [...content].filter(([key]) => key.startsWith('short-circuits'))
    const index = Buffer.alloc(4)
    index.writeUInt32LE(Buffer.from(value?.split(' ')[0] ?? '', 'hex').readUInt32LE() & CLASS_MASK)
    expect(content.get(`picks ${index.toString('hex')}`)).toBe('goto pick-3 ')
    expect([...content.keys()].filter((key) => key.startsWith('classes')).length).toBeLessThan(5)
  })

  describe('when all pool ids are in use', () => {
    const one = (name: string, number: number, addresses = [`10.1.0.${number}`]) => {
      const of = local(service(name, { clusterIPs: [ip(`10.96.0.${number}`)] }), addresses)
      return [of.key, of] as const
    }

    it('serves the rest, and says what is not served', () => {
      const state = new RenderedState(layout, { podCIDRs: [], maxPoolId: 2 })
      const brain = new Brain()
      const content = new Map<string, string>()
      applyTo(content, brain.update(state, [one('a', 1), one('b', 2), one('c', 3), one('empty', 4, [])]))
      expect(content).toEqual(contentOf(state))
      expect([...state.problems]).toEqual([
        { object: 'default/c:http', message: '10.96.0.3 TCP 80 is not served: all 2 pools of its family are in use' },
      ])
      expect([...content.keys()].filter((key) => key.startsWith('services'))).toHaveLength(3)
    })

    it('serves who had no id as soon as another one goes', () => {
      const state = new RenderedState(layout, { podCIDRs: [], maxPoolId: 2 })
      const brain = new Brain()
      const content = new Map<string, string>()
      applyTo(content, brain.update(state, [one('a', 1), one('b', 2), one('c', 3)]))
      applyTo(content, brain.update(state, [[serviceKey('default', 'a'), undefined]]))
      expect([...state.problems]).toEqual([])
      expect(content).toEqual(contentOf(state))
      const fresh = new RenderedState(layout, { podCIDRs: [] })
      new Brain().update(fresh, [...brain.services])
      expect(meaningOf(content)).toEqual(meaningOf(contentOf(fresh)))
    })

    it('does not add and take away what was made for a destination that cannot be served', () => {
      const state = new RenderedState(layout, { podCIDRs: [], maxPoolId: 1 })
      const web = service('web', {
        clusterIPs: [ip('10.96.0.1')],
        externalIPs: [ip('192.0.2.1')],
        externalTrafficPolicy: 'Local',
        creationTimestamp: 1,
      })
      // It takes the cluster IP; the external one needs two pools.
      const older = one('older', 1, [])
      const younger = local(web, ['10.1.0.1'])
      const { added, removed } = new Brain().update(state, [older, [younger.key, younger]])
      expect(removed).toEqual([])
      expect(added.filter(({ set }) => set === layout.sets.endpoints)).toEqual([])
      expect([...state.problems].map(({ object }) => object)).toEqual(['default/web:http'])
    })

    it('uses an id again when its pool became empty', () => {
      const state = new RenderedState(layout, { podCIDRs: [], maxPoolId: 1 })
      const brain = new Brain()
      const content = new Map<string, string>()
      for (let i = 0; i < 5; i++) {
        applyTo(content, brain.update(state, [one('a', 1)]))
        applyTo(content, brain.update(state, [one('a', 1, []), one('b', 2)]))
        expect([...state.problems]).toEqual([])
        applyTo(content, brain.update(state, [one('b', 2, [])]))
        expect(content).toEqual(contentOf(state))
      }
    })
  })
})
