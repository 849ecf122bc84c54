import { errnoNumber } from '../../libc/errno.ts'
import { attributeMap } from '../../netlink/attributes.ts'
import { NLM_F, NLMSG } from '../../netlink/constants.ts'
import { FakeTransport } from '../../netlink/fake-transport.ts'
import { type Message, messages } from '../../netlink/message.ts'
import type { NetlinkTransport } from '../../netlink/socket.ts'
import { MessageWriter } from '../../netlink/writer.ts'
import { CT_MSG, CTA, IPPROTO_UDP, NFGENMSG_BYTES } from '../constants.ts'
import { type Entry, writeEntry } from './entry.ts'

const AF = { 4: 2, 6: 10 } as const
/** Entries in one datagram of a dump. */
const ENTRIES_A_DATAGRAM = 100

interface Held {
  readonly entry: Entry
  readonly family: number
  readonly id: number
  /** Content of CTA_TUPLE_ORIG, as hexadecimal digits. */
  readonly original: string
}

/** Connection tracking without a kernel, behind the same transport. */
export class FakeConntrack {
  /** What was asked: `dump 4`, `dump 4 filtered`, and `delete` for each datagram with deletes. */
  readonly requests: string[] = []
  /** False for a kernel older than 5.8. */
  canFilter = true
  /** False for a kernel without ctnetlink. */
  hasCtnetlink = true
  /** Refuses every delete with this errno; empty for none. */
  refuseDeletes = ''
  #held: Held[] = []
  #nextId = 1

  add(entry: Entry): void {
    const writer = new MessageWriter()
    writeEntry(writer, entry)
    const [original] = [...attributeMap(writer.bytes, 0, writer.length).values()]
    this.#held.push({
      entry,
      family: entry.source.address.length === 4 ? AF[4] : AF[6],
      id: this.#nextId++,
      original: original === undefined ? '' : writer.bytes.toString('hex', original.start, original.end),
    })
  }

  /** Takes an entry away, as a timeout does. */
  remove(entry: Entry): void {
    this.#held = this.#held.filter((held) => held.entry !== entry)
  }

  entries(): Entry[] {
    return this.#held.map(({ entry }) => entry)
  }

  transport(): NetlinkTransport {
    const transport: FakeTransport = new FakeTransport(1, (datagram) => {
      transport.deliver(this.#answer(datagram))
    })
    return transport
  }

  #answer(datagram: Buffer): Buffer[] {
    const requests = [...messages(datagram)]
    if (requests.some(({ type }) => type === CT_MSG.DELETE)) this.requests.push('delete')
    return requests.flatMap((request) => {
      if (!this.hasCtnetlink) return [acknowledge(request, 'EINVAL')]
      return request.type === CT_MSG.GET ? this.#dump(request) : this.#delete(request)
    })
  }

  #dump(request: Message): Buffer[] {
    const { buffer, start, end, sequence } = request
    const family = buffer[start]
    const isFiltered = attributeMap(buffer, start + NFGENMSG_BYTES, end).has(CTA.FILTER)
    this.requests.push(`dump ${family === AF[4] ? 4 : 6}${isFiltered ? ' filtered' : ''}`)
    if (isFiltered && !this.canFilter) return [acknowledge(request, 'EOPNOTSUPP')]
    const found = this.#held.filter(
      (held) => held.family === family && (!isFiltered || held.entry.protocol === IPPROTO_UDP),
    )
    const datagrams: Buffer[] = []
    for (let from = 0; from < found.length; from += ENTRIES_A_DATAGRAM) {
      const writer = new MessageWriter()
      for (const { entry, id } of found.slice(from, from + ENTRIES_A_DATAGRAM)) {
        const message = writer.beginMessage(CT_MSG.NEW, NLM_F.MULTI, sequence)
        writer.raw(Uint8Array.of(family ?? 0, 0, 0, 0))
        writeEntry(writer, entry)
        writer.u32be(CTA.ID, id)
        writer.endMessage(message)
      }
      datagrams.push(writer.bytes)
    }
    const done = new MessageWriter()
    const message = done.beginMessage(NLMSG.DONE, NLM_F.MULTI, sequence)
    done.raw(new Uint8Array(4))
    done.endMessage(message)
    return [...datagrams, done.bytes]
  }

  #delete(request: Message): Buffer[] {
    const { buffer, start, end, flags } = request
    if (this.refuseDeletes !== '') return [acknowledge(request, this.refuseDeletes)]
    const parts = attributeMap(buffer, start + NFGENMSG_BYTES, end)
    const tuple = parts.get(CTA.TUPLE_ORIG)
    const id = parts.get(CTA.ID)
    const found = this.#held.findIndex(
      (held) =>
        (held.entry.zone ?? 0) === 0 &&
        held.original === (tuple && buffer.toString('hex', tuple.start, tuple.end)) &&
        held.id === (id && buffer.readUInt32BE(id.start)),
    )
    if (found < 0) return [acknowledge(request, 'ENOENT')]
    this.#held.splice(found, 1)
    return (flags & NLM_F.ACK) === 0 ? [] : [acknowledge(request, '')]
  }
}

/** NLMSG_ERROR with the header of the request; success when the errno is empty. */
function acknowledge(request: Message, errno: string): Buffer {
  const writer = new MessageWriter()
  const message = writer.beginMessage(NLMSG.ERROR, NLM_F.CAPPED, request.sequence)
  const body = Buffer.alloc(20)
  body.writeInt32LE(errno === '' ? 0 : -errnoNumber(errno))
  writer.raw(body)
  writer.endMessage(message)
  return writer.bytes
}
