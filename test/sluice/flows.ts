import { ConntrackConnection } from '../../src/kernel/conntrack/connection.ts'
import { CT_MSG, CTA } from '../../src/kernel/conntrack/constants.ts'
import { type Entry, writeEntry } from '../../src/kernel/conntrack/fake/entry.ts'
import type { RawAddress } from '../../src/kernel/conntrack/flow.ts'
import { NETLINK, NLM_F } from '../../src/kernel/netlink/constants.ts'
import { messages, readAcknowledgement } from '../../src/kernel/netlink/message.ts'
import { NetlinkSocket } from '../../src/kernel/netlink/socket.ts'
import { MessageWriter } from '../../src/kernel/netlink/writer.ts'
import { ipFromBytes } from '../../src/model/ip.ts'
import type { Namespace } from '../lab/index.ts'

/** IPPROTO_* of include/uapi/linux/in.h. */
export const PROTOCOL = { TCP: 6, UDP: 17, SCTP: 132 } as const

/** Seconds after which an entry that a test made goes by itself. */
const TIMEOUT = 600
const ENTRIES_A_DATAGRAM = 2000

/** Puts entries into a namespace's connection tracking, as if packets had made them. */
export async function createFlows(namespace: Namespace, entries: Iterable<Entry>): Promise<void> {
  const socket = namespace.inNamespace(() => new NetlinkSocket({ protocol: NETLINK.NETFILTER }))
  const writer = new MessageWriter()
  let sequence = 1
  const flush = async () => {
    if (writer.length === 0) return
    await socket.sendInBackground(writer.bytes)
    writer.reset()
    for (let answer = socket.receive(); answer !== undefined; answer = socket.receive()) {
      for (const message of messages(answer)) {
        const { errno, text } = readAcknowledgement(message)
        if (errno !== 0) throw new Error(`the kernel made no entry: errno ${errno} ${text}`)
      }
    }
  }
  for (const entry of entries) {
    const start = writer.beginMessage(CT_MSG.NEW, NLM_F.REQUEST | NLM_F.CREATE | NLM_F.EXCL, sequence)
    writer.raw(Uint8Array.of(entry.source.address.length === 4 ? 2 : 10, 0, 0, 0))
    writeEntry(writer, entry)
    writer.u32be(CTA.TIMEOUT, TIMEOUT)
    writer.endMessage(start)
    if (sequence++ % ENTRIES_A_DATAGRAM === 0) await flush()
  }
  await flush()
  socket.close()
}

/** The entries of a namespace: how many for each `DESTINATION PORT by REPLY-SOURCE PORT [in zone ZONE]`. */
export async function countFlows(
  namespace: Namespace,
  protocol: keyof typeof PROTOCOL,
  family: 4 | 6 = 4,
): Promise<Map<string, number>> {
  const connection = namespace.inNamespace(() => ConntrackConnection.open())
  const counts = new Map<string, number>()
  const texts = new Map<RawAddress, string>()
  const text = (raw: RawAddress) => {
    const known = texts.get(raw) ?? ipFromBytes(Buffer.from(raw, 'latin1'))
    texts.set(raw, known)
    return known
  }
  for await (const flows of connection.flows(family, PROTOCOL[protocol])) {
    for (const flow of flows) {
      const { destination, destinationPort, replySource, replySourcePort, zone } = flow
      const where = zone === 0 ? '' : ` in zone ${zone}`
      const key = `${text(destination)} ${destinationPort} by ${text(replySource)} ${replySourcePort}${where}`
      counts.set(key, (counts.get(key) ?? 0) + 1)
    }
  }
  connection.close()
  return counts
}
