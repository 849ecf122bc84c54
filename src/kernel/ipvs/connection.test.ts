import { describe, expect, it } from 'vitest'
import { type Reply, ScriptedKernel } from '../../../test/fixtures/scripted-kernel.ts'
import type { Message } from '../netlink/message.ts'
import { IpvsConnection, type IpvsService } from './connection.ts'

const FAMILY_ID = 0x1f
/** `IPVS` has this number today (CTRL_ATTR_FAMILY_ID). */
const FAMILY: Reply = {
  messages: [{ type: 0x10, body: (writer) => writer.raw(hex('01020000 0600 0100 1f00 0000')) }],
}

/** Services as a kernel lists them (ip_vs_genl_fill_service), without scheduler and statistics. */
const LISTED = {
  tcp: '01010000 3000 0180 0600 0100 0200 0000 0600 0200 0600 0000 1400 0300 0a60000a 00000000 00000000 00000000 0600 0400 0050 0000',
  udp6: '01010000 3000 0180 0600 0100 0a00 0000 0600 0200 1100 0000 1400 0300 fd000010 00960000 00000000 00000010 0600 0400 0035 0000',
  mark: '01010000 1400 0180 0600 0100 0200 0000 0800 0500 07000000',
}
const SERVICES: IpvsService[] = [
  { kind: 'destination', address: hex('0a60000a'), protocol: 6, port: 80 },
  { kind: 'destination', address: hex('fd000010 00960000 00000000 00000010'), protocol: 17, port: 53 },
  { kind: 'mark', family: 4, mark: 7 },
]

function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(' ', ''), 'hex')
}

/** What stands behind the netlink header. */
function payload({ buffer, start, end }: Message): string {
  return buffer.toString('hex', start, end)
}

function open(answer: (request: Message) => Reply): IpvsConnection {
  const kernel = new ScriptedKernel((request) => (request.type === 0x10 ? FAMILY : answer(request)))
  const connection = IpvsConnection.open(kernel)
  if (connection === undefined) throw new Error('no IPVS')
  return connection
}

describe('IpvsConnection', () => {
  it('asks for the family by name, and there is none without it', () => {
    const asked: string[] = []
    const kernel = new ScriptedKernel((request) => {
      asked.push(payload(request))
      return { errno: -2 }
    })
    expect(IpvsConnection.open(kernel)).toBeUndefined()
    expect(kernel.isOpen).toBe(false)
    expect(asked).toEqual([hex('03020000 0900 0200 49505653 00 000000').toString('hex')])
  })

  it('lists services of all kinds', () => {
    const connection = open(({ type }) => {
      expect(type).toBe(FAMILY_ID)
      return { messages: Object.values(LISTED).map((text) => ({ type, body: (writer) => writer.raw(hex(text)) })) }
    })
    expect(connection.services()).toEqual(SERVICES)
  })

  it.each(SERVICES.map((service, index) => ({ service, listed: Object.values(LISTED)[index] ?? '' })))(
    'names a service by what the list says of it: $service.kind',
    ({ service, listed }) => {
      const sent: string[] = []
      const connection = open((request) => {
        sent.push(payload(request))
        return { messages: [] }
      })
      connection.deleteService(service)
      expect(sent).toEqual([hex(listed.replace(/^01/, '03')).toString('hex')])
    },
  )

  it('passes on a refusal', () => {
    const connection = open(() => ({ errno: -3 }))
    expect(() => {
      connection.deleteService(SERVICES[0] as IpvsService)
    }).toThrow(expect.objectContaining({ code: 'NETLINK_REFUSED', errno: 'ESRCH' }))
  })
})
