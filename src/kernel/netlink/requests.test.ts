import { describe, expect, it } from 'vitest'
import { ScriptedKernel } from '../../../test/fixtures/scripted-kernel.ts'
import { NLM_F, NLMSG } from './constants.ts'
import { NetlinkRequests } from './requests.ts'
import { MessageWriter } from './writer.ts'

const body = (value: number) => (writer: MessageWriter) => {
  writer.raw(Uint8Array.of(value, 0, 0, 0))
}
const item = (value: number) => ({ type: 0x20, body: body(value) })

describe('NetlinkRequests', () => {
  it('gives the replies of a request and of a dump, copied', () => {
    const requests = new NetlinkRequests(new ScriptedKernel(() => ({ messages: [item(1), item(2)] })))
    for (const found of [requests.request(0x21, body(0)), requests.dump(0x21, body(0))]) {
      expect(found.map(({ buffer, start }) => buffer[start])).toEqual([1, 2])
    }
  })

  it('sends the flags that tell a dump from a request', () => {
    const flags: number[] = []
    const kernel = new ScriptedKernel((request) => {
      flags.push(request.flags)
      return { messages: [] }
    })
    const requests = new NetlinkRequests(kernel)
    requests.request(0x21, body(0))
    requests.dump(0x21, body(0))
    expect(flags).toEqual([NLM_F.REQUEST | NLM_F.ACK, NLM_F.REQUEST | NLM_F.DUMP])
  })

  it('throws the errno of a refusal', () => {
    const requests = new NetlinkRequests(new ScriptedKernel(() => ({ errno: -1 })))
    expect(() => requests.request(0x21, body(0))).toThrow(
      expect.objectContaining({ code: 'NETLINK_REFUSED', errno: 'EPERM' }),
    )
  })

  it('throws the errno that a list ends with', () => {
    const kernel = new ScriptedKernel(() => ({ messages: [] }))
    const done = new MessageWriter(64)
    kernel.receive = () => {
      const start = done.beginMessage(NLMSG.DONE, 0, 1)
      done.raw(Uint8Array.of(0xfe, 0xff, 0xff, 0xff))
      done.endMessage(start)
      return done.bytes
    }
    expect(() => new NetlinkRequests(kernel).dump(0x21, body(0))).toThrow(expect.objectContaining({ errno: 'ENOENT' }))
  })

  it('begins a list again that changed while it was read', () => {
    let asked = 0
    const kernel = new ScriptedKernel(() => {
      asked++
      return { messages: [item(asked)], flags: asked < 3 ? NLM_F.DUMP_INTR : 0 }
    })
    const [found] = new NetlinkRequests(kernel).dump(0x21, body(0))
    expect(found?.buffer[found.start]).toBe(3)
  })

  it('gives up a list that changes each time', () => {
    const kernel = new ScriptedKernel(() => ({ messages: [item(1)], flags: NLM_F.DUMP_INTR }))
    expect(() => new NetlinkRequests(kernel).dump(0x21, body(0))).toThrow(
      expect.objectContaining({ code: 'NETLINK_INTERRUPTED' }),
    )
  })

  it('does not wait for an answer that is not complete', () => {
    const kernel = new ScriptedKernel(() => ({ messages: [] }))
    kernel.receive = () => undefined
    expect(() => new NetlinkRequests(kernel).request(0x21, body(0))).toThrow(
      expect.objectContaining({ code: 'NETLINK_PROTOCOL' }),
    )
  })
})
