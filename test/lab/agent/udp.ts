import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { localAddresses } from './addresses.ts'
import { answered, attempt, failed, isFiltered } from './attempt.ts'
import type { Answer, RequestSpec, Result, ServeSpec } from './protocol.ts'
import type { RunningServer } from './server.ts'

function socketFor(address: string): Socket {
  return address.includes(':') ? createSocket({ type: 'udp6', ipv6Only: true }) : createSocket('udp4')
}

async function serveOn(address: string, port: number, name: string): Promise<Socket> {
  const socket = socketFor(address)
  socket.bind({ address, port, exclusive: true })
  await once(socket, 'listening')
  const localPort = socket.address().port
  socket.on('error', () => {}) // e.g. a client that is gone already
  socket.on('message', (payload, from) => {
    const answer: Answer = {
      name,
      client: from.address,
      clientPort: from.port,
      local: address,
      localPort,
      length: payload.length,
    }
    socket.send(JSON.stringify(answer), from.port, from.address, () => {})
  })
  return socket
}

/** Serves UDP: every datagram is answered with one that holds the JSON. */
export async function serveUdp({ name, address, port: wanted }: ServeSpec): Promise<RunningServer> {
  const sockets: Socket[] = []
  let port = wanted
  const close = async () => {
    for (const socket of sockets) socket.close()
  }
  try {
    for (const local of address === undefined ? localAddresses() : [address]) {
      const socket = await serveOn(local, port, name)
      sockets.push(socket)
      port = socket.address().port
    }
  } catch (error) {
    await close()
    throw error
  }
  return { port, close }
}

/** Sends one datagram from a socket of its own. The socket is connected, so that ICMP errors come back to it. */
export function requestUdp(spec: RequestSpec): Promise<Result> {
  return attempt(spec.timeoutMs, (settle) => {
    const six = spec.address.includes(':')
    const socket = socketFor(spec.address)
    const sent = (error: Error | null) => {
      if (error && !isFiltered(error)) settle(failed(error))
    }
    socket.on('error', (error) => settle(failed(error)))
    socket.on('message', (payload) => settle(answered(payload.toString())))
    socket.on('connect', () => socket.send(Buffer.alloc(spec.bytes ?? 4, 'ping'), sent))
    socket.bind({ address: spec.sourceAddress ?? (six ? '::' : '0.0.0.0'), port: spec.sourcePort ?? 0 }, () =>
      socket.connect(spec.port, spec.address),
    )
    return () => socket.close()
  })
}
