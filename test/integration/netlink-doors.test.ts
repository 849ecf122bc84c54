import { afterAll, beforeAll, expect, test } from 'vitest'
import { IpsetConnection } from '../../src/kernel/ipset/connection.ts'
import { IpvsConnection } from '../../src/kernel/ipvs/connection.ts'
import { GenericNetlink } from '../../src/kernel/netlink/generic.ts'
import { RouteConnection } from '../../src/kernel/route/addresses.ts'
import { Lab, type Namespace } from '../lab/index.ts'

/** CTRL_CMD_GETFAMILY of linux/genetlink.h. */
const GET_FAMILY = 3

let lab: Lab
let namespace: Namespace

beforeAll(async () => {
  lab = await Lab.create()
  namespace = await lab.namespace('n')
})

afterAll(async () => {
  await lab.close()
})

test('a family of generic netlink is found by name, and its list read', () => {
  const control = namespace.inNamespace(() => GenericNetlink.open('nlctrl', 2))
  const families = control?.dump(GET_FAMILY) ?? []
  expect(families.some(({ buffer, start, end }) => buffer.includes('nlctrl\0', start) && end > start)).toBe(true)
  expect(namespace.inNamespace(() => GenericNetlink.open('no-such-family', 1))).toBeUndefined()
  control?.close()
})

test('IP sets are listed, read and destroyed', async () => {
  const input = `create tcp bitmap:port range 0-65535
add tcp 80
add tcp 30080
create pairs hash:ip,port family inet6
add pairs fd00::1,sctp:30081
create plain hash:ip
add plain 10.0.0.1
create list list:set
add list plain
`
  await namespace.exec('ipset', ['restore'], { input })
  const ipset = namespace.inNamespace(() => new IpsetConnection())
  expect(ipset.names().sort()).toEqual(['list', 'pairs', 'plain', 'tcp'])
  expect(ipset.ports('tcp')).toEqual([80, 30080])
  expect(ipset.ports('pairs')).toEqual([30081])
  expect(ipset.ports('plain')).toEqual([])
  expect(() => {
    ipset.destroy('plain')
  }).toThrow(expect.objectContaining({ code: 'NETLINK_REFUSED', errno: 'EBUSY' }))
  ipset.destroy('none')
  ipset.destroy('list')
  ipset.destroy('plain')
  expect(ipset.names().sort()).toEqual(['pairs', 'tcp'])
  ipset.close()
})

test('a set of more ports than one datagram takes is read whole', async () => {
  const ports = Array.from({ length: 20_000 }, (_, index) => 30_000 + index)
  const input = ['create many bitmap:port range 0-65535', ...ports.map((port) => `add many ${port}`), ''].join('\n')
  await namespace.exec('ipset', ['restore'], { input })
  const ipset = namespace.inNamespace(() => new IpsetConnection())
  expect(ipset.ports('many')).toEqual(ports)
  ipset.close()
})

test('a link is found by name and deleted', async () => {
  await namespace.ip('link add mine type ifb')
  const route = namespace.inNamespace(() => new RouteConnection())
  const index = route.linkIndex('mine')
  expect(index).toBeGreaterThan(0)
  route.deleteLink(index ?? 0)
  expect(route.linkIndex('mine')).toBeUndefined()
  expect(() => {
    route.deleteLink(index ?? 0)
  }).toThrow(expect.objectContaining({ code: 'NETLINK_REFUSED', errno: 'ENODEV' }))
  route.close()
})

const hasIpvs = ipvsIsThere()

function ipvsIsThere(): boolean {
  const ipvs = IpvsConnection.open()
  ipvs?.close()
  return ipvs !== undefined
}

test.skipIf(!hasIpvs)('virtual servers are listed and deleted (needs a kernel with ip_vs)', async () => {
  await namespace.exec('ipvsadm', ['-A', '-t', '10.96.0.10:80'])
  await namespace.exec('ipvsadm', ['-A', '-u', '[fd00:10:96::10]:53'])
  await namespace.exec('ipvsadm', ['-A', '-f', '7'])
  const ipvs = namespace.inNamespace(() => IpvsConnection.open())
  const services = ipvs?.services() ?? []
  expect(services).toHaveLength(3)
  expect(services).toContainEqual({ kind: 'mark', family: 4, mark: 7 })
  expect(services).toContainEqual({
    kind: 'destination',
    address: Buffer.from('0a60000a', 'hex'),
    protocol: 6,
    port: 80,
  })
  for (const service of services) ipvs?.deleteService(service)
  expect((await namespace.exec('ipvsadm', ['-Sn'])).stdout).toBe('')
  ipvs?.close()
})
