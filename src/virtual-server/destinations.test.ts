import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ip, local, service, servicePort } from '../../test/fixtures/services.ts'
import type { Service } from '../model/service.ts'
import { serviceKey } from '../model/service.ts'
import { Destinations } from './destinations.ts'
import { virtualServers } from './from-local.ts'

/** A Service that claims 192.0.2.1:80. */
function claimant(name: string, creationTimestamp: number, overrides: Partial<Service> = {}): Service {
  return service(name, {
    clusterIPs: [ip('10.96.0.1')],
    externalIPs: [ip('192.0.2.1')],
    creationTimestamp,
    ...overrides,
  })
}

function update(destinations: Destinations, ...services: (Service | string)[]) {
  return destinations.update({
    services: new Map(
      services.map((of) => {
        if (typeof of === 'string') return [serviceKey('default', of), []]
        return [serviceKey(of.namespace, of.name), virtualServers(local(of))]
      }),
    ),
  })
}

const DESTINATION = '192.0.2.1 TCP 80'
const winnerOf = (winners: ReturnType<typeof update>) => winners[4].get(DESTINATION)?.service

describe('Destinations', () => {
  it('give a destination to the Service that is older', () => {
    const destinations = new Destinations()
    expect(winnerOf(update(destinations, claimant('young', 2)))).toBe('default/young')
    expect(winnerOf(update(destinations, claimant('old', 1)))).toBe('default/old')
    expect(winnerOf(update(destinations, claimant('middle', 1.5)))).toBe('default/old')
    expect(winnerOf(update(destinations, 'old'))).toBe('default/middle')
    expect(winnerOf(update(destinations, 'middle'))).toBe('default/young')
    expect(update(destinations, 'young')[4]).toEqual(
      new Map([
        ['10.96.0.1 TCP 80', undefined],
        [DESTINATION, undefined],
      ]),
    )
  })

  it.each<[string, Service, Service]>([
    ['namespace', claimant('b', 1, { namespace: 'a' }), claimant('a', 1, { namespace: 'b' })],
    ['name', claimant('a', 1), claimant('b', 1)],
    ['namespace as a whole', claimant('z', 1, { namespace: 'a' }), claimant('a', 1, { namespace: 'a-b' })],
  ])('decide between Services of one age by %s', (_, winner, loser) => {
    for (const order of [
      [winner, loser],
      [loser, winner],
    ]) {
      expect(winnerOf(update(new Destinations(), ...order))).toBe(`${winner.namespace}/${winner.name}`)
    }
  })

  it('say who lost to whom, for as long as it is so', () => {
    const destinations = new Destinations()
    update(destinations, claimant('young', 2, { clusterIPs: [ip('10.96.0.2')] }), claimant('old', 1))
    expect(destinations.problems()).toEqual([
      {
        object: 'default/young:http',
        message: '192.0.2.1 TCP 80 is not served: default/old:http, which takes precedence, has it',
        kind: 'conflict',
      },
    ])
    update(destinations, 'old')
    expect(destinations.problems()).toEqual([])
  })

  it('keep protocols, ports and families apart', () => {
    const destinations = new Destinations()
    update(
      destinations,
      service('a', { clusterIPs: [ip('10.96.0.1'), ip('fd00::1')], ports: [servicePort({ nodePort: 30080 })] }),
      service('b', { clusterIPs: [ip('10.96.0.1')], ports: [servicePort({ protocol: 'UDP', nodePort: 30080 })] }),
      service('c', { clusterIPs: [ip('10.96.0.1')], ports: [servicePort({ port: 81, nodePort: 30081 })] }),
    )
    expect(destinations.problems()).toEqual([])
  })

  it('name every destination that a Service had or has', () => {
    const destinations = new Destinations()
    update(destinations, claimant('a', 1))
    const winners = update(destinations, service('a', { clusterIPs: [ip('10.96.0.1'), ip('fd00::1')] }))
    expect([...winners[4].keys()].sort()).toEqual(['10.96.0.1 TCP 80', DESTINATION])
    expect([...winners[6].keys()]).toEqual(['fd00::1 TCP 80'])
    expect(winnerOf(winners)).toBeUndefined()
  })

  it('come to the same in whatever order Services come and go', () => {
    const steps = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd'), fc.option(fc.integer({ min: 0, max: 2 }))), {
      maxLength: 20,
    })
    fc.assert(
      fc.property(steps, (sequence) => {
        const destinations = new Destinations()
        const present = new Map<string, Service>()
        for (const [name, age] of sequence) {
          if (age === null) present.delete(name)
          else present.set(name, claimant(name, age))
          const winners = update(destinations, present.get(name) ?? name)
          const expected = [...present.values()].sort((a, b) => {
            return a.creationTimestamp - b.creationTimestamp || (a.name < b.name ? -1 : 1)
          })[0]
          if (winners[4].has(DESTINATION)) expect(winnerOf(winners)).toBe(expected && `default/${expected.name}`)
          expect(destinations.problems()).toHaveLength(Math.max(0, present.size - 1) * 2)
        }
      }),
    )
  })
})
