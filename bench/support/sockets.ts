import { setImmediate } from 'node:timers/promises'
import koffi from 'koffi'
import { AF_INET, AF_INET6, SOCK_CLOEXEC, SOCK_DGRAM, sockaddr, sockaddrAddress } from '../../test/lab/libc.ts'
import type { BenchNetns } from './netns.ts'

const libc = koffi.load(null)
const socket = libc.func('int socket(int domain, int type, int protocol)')
const bind = libc.func('int bind(int fd, void *address, uint32_t length)')
const connect = libc.func('int connect(int fd, void *address, uint32_t length)')
const listen = libc.func('int listen(int fd, int backlog)')
const accept = libc.func('int accept(int fd, void *address, void *length)')
const sendto = libc.func('int64_t sendto(int fd, void *data, size_t size, int flags, void *address, uint32_t length)')
const recv = libc.func('int64_t recv(int fd, void *data, size_t size, int flags)')
const getsockname = libc.func('int getsockname(int fd, void *address, void *length)')
const setsockopt = libc.func('int setsockopt(int fd, int level, int name, void *value, uint32_t length)')
const close = libc.func('int close(int fd)')

const SOCK_STREAM = 1
const SOL_SOCKET = 1
const SO_SNDBUF = 7
const SO_RCVBUF = 8
const SO_LINGER = 13
const SO_RCVTIMEO = 20
const SO_SNDTIMEO = 21
const SO_BINDTODEVICE = 25
const MSG_DONTWAIT = 0x40
/** struct linger: on, 0 seconds, so that closing resets the connection and no port waits. */
const RESET_ON_CLOSE = Buffer.from(Int32Array.of(1, 0).buffer)
/** struct timeval: how long a connect() waits for an answer. A SYN is sent again after one second, which is no measurement. */
const CONNECT_TIMEOUT = Buffer.from(BigInt64Array.of(0n, 900_000n).buffer)
/** How long accept() waits for a connection that the client already has, or may have had. */
const ACCEPT_TIMEOUT = Buffer.from(BigInt64Array.of(0n, 200_000n).buffer)
/** A SYN or its answer may get lost; more than these in turn are no accident. */
const CONNECT_ATTEMPTS = 3
/** Bytes that are sent before they are received; both ends are in one thread, so they must fit the buffers. */
const BURST_BYTES = 256 << 10
/** IPv4 addresses as a socket of both families shows them. */
const MAPPED = '::ffff:'

/** Whereto connections are made. */
export interface Destination {
  readonly address: string
  readonly port: number
  /** The interface through which they go; as the routes say when absent. */
  readonly device?: string
}

/** A listening socket of both families. */
export class Listener {
  readonly #fd: number
  #lost = 0

  constructor(netns: BenchNetns, port: number) {
    this.#fd = check(
      'socket',
      netns.run(() => socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0) as number),
    )
    const address = sockaddr('::', port)
    check('bind', bind(this.#fd, address, address.length) as number)
    check('listen', listen(this.#fd, 1024) as number)
    setsockopt(this.#fd, SOL_SOCKET, SO_RCVTIMEO, ACCEPT_TIMEOUT, ACCEPT_TIMEOUT.length)
  }

  /** Measured connections that did not come about and were tried again; they are in no time. */
  get lost(): number {
    return this.#lost
  }

  /**
   * Connects from a namespace, again and again.
   *
   * @returns how long each connect() took, in microseconds.
   */
  timeConnects(from: BenchNetns, destination: Destination, count: number): number[] {
    const target = new Target(destination)
    return from.run(() => Array.from({ length: count }, () => this.#timeConnect(target)))
  }

  /**
   * Connects once.
   *
   * @returns the address at which the server was reached: that of the endpoint; undefined when it was not.
   */
  reachedAt(from: BenchNetns, destination: Destination): string | undefined {
    const target = new Target(destination)
    const fd = from.run(() => target.socket())
    try {
      if ((connect(fd, target.address, target.address.length) as number) < 0) {
        this.#dropHalfOpen()
        return undefined
      }
      const peer = check('accept', accept(this.#fd, null, null) as number)
      const own = Buffer.alloc(28)
      check('getsockname', getsockname(peer, own, Buffer.from(Uint32Array.of(own.length).buffer)) as number)
      close(peer)
      const address = sockaddrAddress(own)
      return address.startsWith(MAPPED) ? address.slice(MAPPED.length) : address
    } finally {
      close(fd)
    }
  }

  /**
   * Connects until an address is reached, letting other work run in between.
   *
   * @returns when it was, as performance.now() has it; undefined when it was not within `timeoutMs`.
   */
  async reaches(
    from: BenchNetns,
    destination: Destination,
    isWanted: (address: string | undefined) => boolean,
    timeoutMs: number,
  ): Promise<number | undefined> {
    const deadline = performance.now() + timeoutMs
    while (performance.now() < deadline) {
      const address = this.reachedAt(from, destination)
      if (isWanted(address)) return performance.now()
      await setImmediate()
    }
    return undefined
  }

  /**
   * Sends through one connection, in bursts that are received in between: what one core does for both ends and for the way.
   *
   * @returns bytes a second.
   */
  throughput(from: BenchNetns, destination: Destination, milliseconds: number): number {
    const target = new Target(destination)
    const fd = from.run(() => target.socket())
    check('connect', connect(fd, target.address, target.address.length) as number)
    const peer = check('accept', accept(this.#fd, null, null) as number)
    const room = Buffer.from(Int32Array.of(4 * BURST_BYTES).buffer)
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, room, room.length)
    setsockopt(peer, SOL_SOCKET, SO_RCVBUF, room, room.length)
    const data = Buffer.alloc(BURST_BYTES)
    const start = performance.now()
    let bytes = 0
    let now = start
    while (now - start < milliseconds) {
      const sent = Number(sendto(fd, data, data.length, MSG_DONTWAIT, null, 0))
      let received = 0
      while (received < sent) {
        const got = Number(recv(peer, data, data.length, 0))
        if (got <= 0) throw new Error('the connection ended')
        received += got
      }
      bytes += Math.max(sent, 0)
      now = performance.now()
    }
    close(fd)
    close(peer)
    return (bytes / (now - start)) * 1000
  }

  close(): void {
    close(this.#fd)
  }

  #timeConnect(target: Target): number {
    for (let attempt = 1; ; attempt++) {
      const fd = target.socket()
      const start = performance.now()
      const result = connect(fd, target.address, target.address.length) as number
      const time = performance.now() - start
      if (result < 0 && attempt < CONNECT_ATTEMPTS) {
        this.#lost++
        close(fd)
        this.#dropHalfOpen()
        continue
      }
      check('connect', result)
      const peer = check('accept', accept(this.#fd, null, null) as number)
      close(fd)
      close(peer)
      return time * 1000
    }
  }

  /** A connection that the client has given up may be one for the server, and must not be taken for the next one. */
  #dropHalfOpen(): void {
    const peer = accept(this.#fd, null, null) as number
    if (peer >= 0) close(peer)
  }
}

/** A destination as the calls want it. */
class Target {
  readonly address: Buffer
  readonly #family: number
  readonly #device: Buffer | undefined

  constructor({ address, port, device }: Destination) {
    this.address = sockaddr(address, port)
    this.#family = address.includes(':') ? AF_INET6 : AF_INET
    this.#device = device === undefined ? undefined : Buffer.from(`${device}\0`)
  }

  /** A socket of the calling thread's namespace. */
  socket(): number {
    const fd = check('socket', socket(this.#family, SOCK_STREAM | SOCK_CLOEXEC, 0) as number)
    setsockopt(fd, SOL_SOCKET, SO_LINGER, RESET_ON_CLOSE, RESET_ON_CLOSE.length)
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, CONNECT_TIMEOUT, CONNECT_TIMEOUT.length)
    const device = this.#device
    if (device) check('bind to a device', setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, device.length) as number)
    return fd
  }
}

/**
 * One request to a server of its own namespace that ends the connection when it has answered; the caller waits.
 *
 * @returns all that it answered.
 */
export function ask(netns: BenchNetns, { address, port }: Destination, request: string): string {
  const to = sockaddr(address, port)
  const fd = check(
    'socket',
    netns.run(() => socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) as number),
  )
  try {
    check('connect', connect(fd, to, to.length) as number)
    const bytes = Buffer.from(request)
    let sent = 0
    while (sent < bytes.length) {
      sent += check('send', Number(sendto(fd, bytes.subarray(sent), bytes.length - sent, 0, null, 0)))
    }
    const answer: Buffer[] = []
    for (;;) {
      const piece = Buffer.alloc(4096)
      const length = check('recv', Number(recv(fd, piece, piece.length, 0)))
      if (length === 0) return Buffer.concat(answer).toString()
      answer.push(piece.subarray(0, length))
    }
  } finally {
    close(fd)
  }
}

/** Sends one UDP packet from each of these ports: each is a connection of its own to conntrack. */
export function sendFromPorts(
  netns: BenchNetns,
  destination: { address: string; port: number },
  ports: { first: number; count: number },
): void {
  const six = destination.address.includes(':')
  const to = sockaddr(destination.address, destination.port)
  netns.run(() => {
    for (let i = 0; i < ports.count; i++) {
      const fd = check('socket', socket(six ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0) as number)
      const own = sockaddr(six ? '::' : '0.0.0.0', ports.first + i)
      check('bind', bind(fd, own, own.length) as number)
      check('sendto', sendto(fd, Buffer.of(1), 1, 0, to, to.length) as number)
      close(fd)
    }
  })
}

function check(call: string, result: number): number {
  if (result < 0) throw new Error(`${call}: errno ${koffi.errno()}`)
  return result
}
