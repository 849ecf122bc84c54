import koffi from 'koffi'
import { AF_INET, AF_INET6, SOCK_CLOEXEC, SOCK_DGRAM, sockaddr } from '../../test/lab/libc.ts'
import type { BenchNetns } from './netns.ts'

const libc = koffi.load(null)
const socket = libc.func('int socket(int domain, int type, int protocol)')
const bind = libc.func('int bind(int fd, void *address, uint32_t length)')
const connect = libc.func('int connect(int fd, void *address, uint32_t length)')
const listen = libc.func('int listen(int fd, int backlog)')
const accept = libc.func('int accept(int fd, void *address, void *length)')
const sendto = libc.func('int64_t sendto(int fd, void *data, size_t size, int flags, void *address, uint32_t length)')
const setsockopt = libc.func('int setsockopt(int fd, int level, int name, void *value, uint32_t length)')
const close = libc.func('int close(int fd)')

const SOCK_STREAM = 1
const SOL_SOCKET = 1
const SO_LINGER = 13
/** struct linger: on, 0 seconds, so that closing resets the connection and no port waits. */
const RESET_ON_CLOSE = Buffer.from(Int32Array.of(1, 0).buffer)

/** A listening socket of both families. */
export class Listener {
  readonly #fd: number

  constructor(netns: BenchNetns, port: number) {
    this.#fd = check(
      'socket',
      netns.run(() => socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0) as number),
    )
    const address = sockaddr('::', port)
    check('bind', bind(this.#fd, address, address.length) as number)
    check('listen', listen(this.#fd, 1024) as number)
  }

  /**
   * Connects from a namespace, again and again.
   *
   * @returns how long each connect() took, in microseconds.
   */
  timeConnects(from: BenchNetns, destination: { address: string; port: number }, count: number): number[] {
    const address = sockaddr(destination.address, destination.port)
    const family = destination.address.includes(':') ? AF_INET6 : AF_INET
    return from.run(() => Array.from({ length: count }, () => this.#timeConnect(family, address)))
  }

  close(): void {
    close(this.#fd)
  }

  #timeConnect(family: number, address: Buffer): number {
    const fd = check('socket', socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0) as number)
    setsockopt(fd, SOL_SOCKET, SO_LINGER, RESET_ON_CLOSE, RESET_ON_CLOSE.length)
    const start = performance.now()
    const result = connect(fd, address, address.length) as number
    const time = performance.now() - start
    check('connect', result)
    const peer = check('accept', accept(this.#fd, null, null) as number)
    close(fd)
    close(peer)
    return time * 1000
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
