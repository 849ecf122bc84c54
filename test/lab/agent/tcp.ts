import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { resetOnClose } from '../libc.ts'
import { plain } from './addresses.ts'
import { answered, attempt, failed } from './attempt.ts'
import type { Answer, ConnectSpec, RequestSpec, Result, ServeSpec } from './protocol.ts'
import type { RunningServer } from './server.ts'

/** What a server says to whoever is at the other end of a connection. */
export function answerOver(socket: Socket, name: string): Answer {
  return {
    name,
    client: plain(socket.remoteAddress),
    clientPort: socket.remotePort ?? 0,
    local: plain(socket.localAddress),
    localPort: socket.localPort ?? 0,
  }
}

/** Listens on one address, or on both families. */
export async function listen(server: Server, { address, port }: ServeSpec): Promise<number> {
  server.listen({ host: address ?? '::', port, backlog: 1024 })
  await once(server, 'listening')
  return (server.address() as { port: number }).port
}

/** Serves TCP: one line of JSON on connecting, then everything that comes is sent back. */
export async function serveTcp(spec: ServeSpec): Promise<RunningServer> {
  const sockets = new Set<Socket>()
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => {}) // the other end's business
    socket.write(`${JSON.stringify(answerOver(socket, spec.name))}\n`)
    socket.pipe(socket)
  })
  const port = await listen(server, spec)
  return {
    port,
    async close() {
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

/** Opens a connection from the wanted source. */
export function open(spec: ConnectSpec): Socket {
  return connect({
    host: spec.address,
    port: spec.port,
    noDelay: true,
    ...(spec.sourceAddress !== undefined && { localAddress: spec.sourceAddress }),
    ...(spec.sourcePort !== undefined && { localPort: spec.sourcePort }),
  })
}

/** Closes a client's socket. A chosen source port is freed by a reset, else TIME_WAIT would keep it from reuse. */
export function release(socket: Socket, spec: { sourcePort?: number }): void {
  // Not resetAndDestroy(): when it meets a shutdown under way, Node neither closes the socket nor ever ends the thread.
  const fd = (socket as { _handle?: { fd?: number } | null })._handle?.fd
  if (spec.sourcePort !== undefined && fd !== undefined && fd >= 0) resetOnClose(fd)
  socket.destroy()
}

/** Calls `onLine` for every whole line that arrives. */
export function lines(socket: Socket, onLine: (line: string) => void): void {
  let rest = ''
  socket.setEncoding('utf8').on('data', (text) => {
    const parts = (rest + String(text)).split('\n')
    rest = parts.pop() ?? ''
    for (const part of parts) onLine(part)
  })
}

/** Connects and reads who answers. */
export function requestTcp(spec: RequestSpec): Promise<Result> {
  return attempt(spec.timeoutMs, (settle) => {
    const socket = open(spec)
    lines(socket, (line) => settle(answered(line)))
    socket.on('error', (error) => settle(failed(error)))
    socket.on('close', () => settle({ verdict: 'error', code: 'EOF' }))
    return () => release(socket, spec)
  })
}
