import { beforeEach, describe, expect, it } from 'vitest'
import type { IpvsService } from '../../kernel/ipvs/connection.ts'
import { NetlinkError } from '../../kernel/netlink/error.ts'
import { cleanupIpsets, cleanupIpvs, type IpvsDoors } from './ipvs.ts'
import type { CleanupReport } from './report.ts'

const INTERFACE = 7
const CLUSTER_IP = '0a60000a'
const NODE_IP = 'c0a8320b'
const NODE_IP6 = 'fd000192016800500000000000000011'

function server(address: string, port: number, protocol = 6): IpvsService {
  return { kind: 'destination', address: Buffer.from(address, 'hex'), protocol, port }
}

const CLUSTER = server(CLUSTER_IP, 80)
const NODE_PORTS = [
  server(NODE_IP, 30080),
  server(NODE_IP, 30053, 17),
  server(NODE_IP, 30081, 132),
  server(NODE_IP6, 30086),
]
/** On the node's own addresses, and not in the sets: another port, protocol or family. */
const UNKNOWN = [server(NODE_IP, 443), server(NODE_IP, 30080, 17), server(NODE_IP, 30086)]
/** Not even on an address of the node, and by a mark. */
const OTHERS: IpvsService[] = [server('c6336407', 30080), { kind: 'mark', family: 4, mark: 7 }]
const PORTS = {
  'KUBE-NODE-PORT-TCP': [30080],
  'KUBE-NODE-PORT-UDP': [30053],
  'KUBE-NODE-PORT-SCTP-HASH': [30081],
  'KUBE-6-NODE-PORT-TCP': [30086],
}

let report: CleanupReport
let done: string[]

beforeEach(() => {
  report = { removed: [], left: [] }
  done = []
})

interface World {
  readonly services?: readonly IpvsService[] | undefined
  readonly sets?: Readonly<Record<string, readonly number[]>>
  readonly busy?: string
  readonly hasInterface?: boolean
}

function doors({ services = [], sets = PORTS, busy, hasInterface = true }: World): IpvsDoors {
  const address = (hex: string, interfaceIndex: number) => {
    return { address: Buffer.from(hex, 'hex'), interfaceIndex, scope: 0, isUsable: true }
  }
  const close = () => {}
  return {
    route: {
      linkIndex: (name) => (hasInterface && name === 'kube-ipvs0' ? INTERFACE : undefined),
      addresses: () => [address(CLUSTER_IP, INTERFACE), address(NODE_IP, 2), address(NODE_IP6, 2)],
      deleteLink: (index) => done.push(`link ${index}`),
      close,
    },
    ipvs: {
      services: () => [...services],
      deleteService: (service) => {
        done.push(service.kind === 'mark' ? 'mark' : `${service.address.toString('hex')} ${service.port}`)
      },
      close,
    },
    ipset: {
      names: () => Object.keys(sets),
      ports: (name) => [...(sets[name] ?? [])],
      destroy: (name) => {
        if (name === busy) throw new NetlinkError('NETLINK_REFUSED', 'something still refers to it', { errno: 'EBUSY' })
        done.push(name)
      },
      close,
    },
  }
}

describe('cleanupIpvs', () => {
  it('deletes servers on the interface and node ports, and the interface last', () => {
    cleanupIpvs(doors({ services: [CLUSTER, ...NODE_PORTS] }), report)
    expect(done).toEqual([
      `${CLUSTER_IP} 80`,
      `${NODE_IP} 30080`,
      `${NODE_IP} 30053`,
      `${NODE_IP} 30081`,
      `${NODE_IP6} 30086`,
      `link ${INTERFACE}`,
    ])
    expect(report).toEqual({ removed: ['5 virtual servers of IPVS', 'interface kube-ipvs0'], left: [] })
  })

  it('leaves what is of others, and reports what may be', () => {
    cleanupIpvs(doors({ services: [...UNKNOWN, ...OTHERS] }), report)
    expect(done).toEqual([`link ${INTERFACE}`])
    expect(report.left).toHaveLength(UNKNOWN.length)
    expect(report.left[0]).toMatch(/^virtual server 192\.168\.50\.11 port 443 protocol 6 of IPVS/)
  })

  it('leaves node ports when the sets that tell them are gone', () => {
    cleanupIpvs(doors({ services: [CLUSTER, ...NODE_PORTS], sets: {} }), report)
    expect(done).toEqual([`${CLUSTER_IP} 80`, `link ${INTERFACE}`])
    expect(report.left).toHaveLength(NODE_PORTS.length)
  })

  it('touches no server without the interface', () => {
    cleanupIpvs(doors({ services: [CLUSTER, ...NODE_PORTS], hasInterface: false }), report)
    expect(done).toEqual([])
    expect(report).toEqual({ removed: [], left: [] })
  })

  it('deletes the interface where the kernel has no IPVS any more', () => {
    cleanupIpvs({ ...doors({}), ipvs: undefined }, report)
    expect(done).toEqual([`link ${INTERFACE}`])
  })
})

describe('cleanupIpsets', () => {
  it('destroys the sets of the ipvs mode and no others, and reports one in use', () => {
    const sets = { ...PORTS, 'KUBE-LOOP-BACK': [], 'KUBE-MINE': [], 'kube-router-svip': [] }
    cleanupIpsets(doors({ sets, busy: 'KUBE-LOOP-BACK' }).ipset, report)
    expect(done).toEqual(Object.keys(PORTS))
    expect(report).toEqual({
      removed: ['4 IP sets'],
      left: ['IP set KUBE-LOOP-BACK: something still refers to it'],
    })
  })
})
