import { randomInt } from 'node:crypto'
import { localAddresses } from './addresses.ts'
import { answered, attempt, failed, isFiltered } from './attempt.ts'
import type { Answer, RequestSpec, Result, ServeSpec } from './protocol.ts'
import { IPPROTO_SCTP, RawSocket } from './raw-socket.ts'
import { ABORT, decodeSctp, encodeSctp, INIT, INIT_ACK } from './sctp-packet.ts'
import type { RunningServer } from './server.ts'

// SCTP made by hand, because many kernels come without its sockets. The first two packets are enough to see where a
// connection goes and what NAT does to it.

const tag = () => randomInt(1, 2 ** 32)

/** Serves SCTP: every INIT to the port is answered with an INIT-ACK whose state cookie is the JSON. */
export async function serveSctp({ name, address, port }: ServeSpec): Promise<RunningServer> {
  const sockets = (address === undefined ? localAddresses() : [address]).map((local) => {
    const socket = new RawSocket(local, IPPROTO_SCTP)
    socket.bind(local)
    socket.read(
      ({ payload, from }) => {
        const init = decodeSctp(payload)
        if (init?.chunk !== INIT || init.destinationPort !== port) return
        const answer: Answer = { name, client: from, clientPort: init.sourcePort, local, localPort: port }
        const packet = encodeSctp({
          sourcePort: port,
          destinationPort: init.sourcePort,
          verificationTag: init.initiateTag,
          chunk: INIT_ACK,
          initiateTag: tag(),
          cookie: JSON.stringify(answer),
        })
        socket.send(packet, from)
      },
      () => {}, // the other end's business
    )
    return socket
  })
  return {
    port,
    async close() {
      for (const socket of sockets) socket.close()
    },
  }
}

const PORTS = { first: 32768, count: 28232 } as const
let lastPort = randomInt(PORTS.count)

/** Another one each time: to connection tracking, a second INIT from a port belongs to the first one's association. */
function unusedPort(): number {
  lastPort = (lastPort + 1) % PORTS.count
  return PORTS.first + lastPort
}

/** Sends one INIT and waits for the INIT-ACK, an ABORT or an ICMP error. */
export function requestSctp(spec: RequestSpec): Promise<Result> {
  return attempt(spec.timeoutMs, (settle) => {
    const socket = new RawSocket(spec.address, IPPROTO_SCTP)
    const sourcePort = spec.sourcePort ?? unusedPort()
    const initiateTag = tag()
    try {
      if (spec.sourceAddress !== undefined) socket.bind(spec.sourceAddress)
      socket.connect(spec.address)
      socket.send(
        encodeSctp({
          sourcePort,
          destinationPort: spec.port,
          verificationTag: 0,
          chunk: INIT,
          initiateTag,
          cookie: '',
        }),
      )
    } catch (error) {
      if (!isFiltered(error)) {
        socket.close()
        throw error
      }
    }
    socket.read(
      ({ payload }) => {
        const packet = decodeSctp(payload)
        if (packet?.sourcePort !== spec.port || packet.destinationPort !== sourcePort) return
        if (packet.verificationTag !== initiateTag) return
        if (packet.chunk === INIT_ACK) settle(answered(packet.cookie))
        else if (packet.chunk === ABORT) settle({ verdict: 'refused' })
      },
      (error) => {
        // Raw sockets have no ports, so the error may be for another request to the same address.
        const ours = socket.rejected()
        if (ours.readUInt16BE(0) === sourcePort && ours.readUInt16BE(2) === spec.port) settle(failed(error))
      },
    )
    return () => socket.close()
  })
}
