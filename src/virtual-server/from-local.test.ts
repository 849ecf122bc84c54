import { describe, expect, it } from 'vitest'
import { ip, local, localEndpoint, service, servicePort } from '../../test/fixtures/services.ts'
import type { Cidr } from '../model/ip.ts'
import type { LocalService } from '../model/local.ts'
import { virtualServers } from './from-local.ts'
import { destinationKey, servicePortName } from './virtual-server.ts'

function summary(of: LocalService): string[] {
  return virtualServers(of).map((server) => `${server.class} ${destinationKey(server)} ${server.masquerade}`)
}

describe('virtualServers', () => {
  it('are one for each address and port, and one for each node port and family', () => {
    const of = service('web', {
      clusterIPs: [ip('10.96.0.1'), ip('fd00::1')],
      externalIPs: [ip('192.0.2.1')],
      loadBalancerIPs: [ip('192.0.2.2'), ip('2001:db8::2')],
      ports: [servicePort({ nodePort: 30080 }), servicePort({ name: 'dns', protocol: 'UDP', port: 53 })],
    })
    expect(summary(local(of))).toEqual([
      'cluster 10.96.0.1 TCP 80 off-cluster',
      'external 192.0.2.1 TCP 80 always',
      'external 192.0.2.2 TCP 80 always',
      'node-port node-port/4 TCP 30080 always',
      'cluster 10.96.0.1 UDP 53 off-cluster',
      'external 192.0.2.1 UDP 53 always',
      'external 192.0.2.2 UDP 53 always',
      'cluster fd00::1 TCP 80 off-cluster',
      'external 2001:db8::2 TCP 80 always',
      'node-port node-port/6 TCP 30080 always',
      'cluster fd00::1 UDP 53 off-cluster',
      'external 2001:db8::2 UDP 53 always',
    ])
  })

  it('leave out a family in which the Service has no cluster IP (promise 18)', () => {
    const of = service('web', {
      clusterIPs: [ip('fd00::1')],
      externalIPs: [ip('192.0.2.1')],
      ports: [servicePort({ nodePort: 30080 })],
    })
    expect(summary(local(of))).toEqual(['cluster fd00::1 TCP 80 off-cluster', 'node-port node-port/6 TCP 30080 always'])
  })

  it('have an address once that is given twice', () => {
    const of = service('web', {
      clusterIPs: [ip('10.96.0.1')],
      externalIPs: [ip('192.0.2.1')],
      loadBalancerIPs: [ip('192.0.2.1')],
    })
    expect(summary(local(of))).toEqual(['cluster 10.96.0.1 TCP 80 off-cluster', 'external 192.0.2.1 TCP 80 always'])
  })

  it('serve a cluster IP that is given as external IP, too, as the cluster IP that it is', () => {
    const of = service('web', { clusterIPs: [ip('10.96.0.1')], externalIPs: [ip('10.96.0.1')] })
    expect(summary(local(of))).toEqual(['cluster 10.96.0.1 TCP 80 off-cluster'])
  })

  it('share one pool for each ServicePort and family', () => {
    const of = service('web', {
      clusterIPs: [ip('10.96.0.1'), ip('fd00::1')],
      externalIPs: [ip('192.0.2.1')],
      ports: [servicePort({ nodePort: 30080 }), servicePort({ name: 'http', protocol: 'UDP' })],
    })
    const servers = virtualServers(local(of, ['10.1.0.1', 'fd01::1']))
    expect([...new Set(servers.map(({ pool }) => pool.key))]).toEqual([
      'default/web:http/TCP/4',
      'default/web:http/UDP/4',
      'default/web:http/TCP/6',
      'default/web:http/UDP/6',
    ])
    expect(new Set(servers.map(({ pool }) => pool)).size).toBe(4)
    const addresses = servers.map(({ family, protocol, pool }) => [
      family,
      protocol,
      pool.endpoints.map((e) => e.address),
    ])
    expect(addresses).toContainEqual([4, 'TCP', ['10.1.0.1']])
    expect(addresses).toContainEqual([6, 'TCP', ['fd01::1']])
    expect(addresses).toContainEqual([4, 'UDP', []])
  })

  it('take the number that a port has on each endpoint, by name and protocol', () => {
    const of = service('web', {
      clusterIPs: [ip('10.96.0.1')],
      ports: [servicePort(), servicePort({ name: '', port: 81 })],
    })
    const endpoints = [
      localEndpoint('10.1.0.1', {
        ports: [
          { name: 'http', protocol: 'TCP', port: 8080 },
          { name: '', protocol: 'TCP', port: 9090 },
        ],
      }),
      localEndpoint('10.1.0.2', {
        ports: [
          { name: 'http', protocol: 'TCP', port: 8081 },
          { name: 'other', protocol: 'TCP', port: 1 },
        ],
      }),
      localEndpoint('10.1.0.3', { ports: [{ name: 'http', protocol: 'UDP', port: 8082 }] }),
    ]
    const pools = virtualServers(local(of, endpoints)).map(({ pool }) =>
      pool.endpoints.map((e) => `${e.address}:${e.port}`),
    )
    expect(pools).toEqual([['10.1.0.1:8080', '10.1.0.2:8081'], ['10.1.0.1:9090']])
  })

  it('have an endpoint once that comes twice', () => {
    const of = service('web', { clusterIPs: [ip('10.96.0.1')] })
    const [server] = virtualServers(local(of, ['10.1.0.1', '10.1.0.1']))
    expect(server?.pool.endpoints).toHaveLength(1)
  })

  it('know which endpoints may be on this node', () => {
    const of = service('web', { clusterIPs: [ip('10.96.0.1')] })
    const endpoints = [
      localEndpoint('10.1.0.1', { local: true }),
      localEndpoint('10.1.0.2', { unplaced: true }),
      localEndpoint('10.1.0.3'),
    ]
    const [server] = virtualServers(local(of, endpoints))
    expect(server?.pool.endpoints.map(({ mayBeHere }) => mayBeHere)).toEqual([true, true, false])
  })
})

describe('servicePortName', () => {
  it('leaves out a name that is empty', () => {
    const of = service('web', {
      clusterIPs: [ip('10.96.0.1')],
      ports: [servicePort(), servicePort({ name: '', port: 81 })],
    })
    expect(virtualServers(local(of)).map(servicePortName)).toEqual(['default/web:http', 'default/web'])
  })

  it('admit the load-balancer address itself where a node address is admitted (promise 58)', () => {
    const of = local(
      service('web', {
        clusterIPs: [ip('10.96.0.1')],
        loadBalancerIPs: [ip('192.0.2.2')],
        loadBalancerSourceRanges: ['10.0.0.0/8', '203.0.113.0/24'] as Cidr[],
      }),
    )
    const rangesFor = (nodeIP: string) => virtualServers(of, { nodeIPs: [ip(nodeIP)] })[1]?.sourceRanges
    expect(rangesFor('10.1.2.3')).toEqual(['10.0.0.0/8', '203.0.113.0/24', '192.0.2.2/32'])
    expect(rangesFor('192.168.0.1')).toEqual(['10.0.0.0/8', '203.0.113.0/24'])
  })
})
