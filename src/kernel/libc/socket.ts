import koffi from 'koffi'
import { errnoName } from './errno.ts'

// load(null) names the libc that the process already has: glibc and musl alike.
const libc = koffi.load(null)
const cSocket = libc.func('int socket(int domain, int type, int protocol)')
const cBind = libc.func('int bind(int fd, const void *address, uint length)')
const cGetsockname = libc.func('int getsockname(int fd, void *address, _Inout_ uint *length)')
const cSetsockopt = libc.func('int setsockopt(int fd, int level, int name, const void *value, uint length)')
const cSend = libc.func('intptr_t send(int fd, const void *buffer, size_t length, int flags)')
const cRecv = libc.func('intptr_t recv(int fd, void *buffer, size_t length, int flags)')
const cClose = libc.func('int close(int fd)')

const EAGAIN = 11
const EINTR = 4
const MSG_DONTWAIT = 0x40
const MSG_TRUNC = 0x20

/** A libc call that failed. */
export class SystemCallError extends Error {
  /** Symbolic errno, for example `EPERM`. */
  readonly errno: string
  readonly call: string

  constructor(call: string, errno: number) {
    super(`${call}: ${errnoName(errno)}`)
    this.name = 'SystemCallError'
    this.call = call
    this.errno = errnoName(errno)
  }
}

/** Values of socket(2) and setsockopt(2), Linux. */
export const SOCKET = {
  AF_NETLINK: 16,
  SOCK_RAW: 3,
  SOCK_CLOEXEC: 0o2000000,
  SOL_SOCKET: 1,
  SO_SNDBUFFORCE: 32,
  SO_RCVBUFFORCE: 33,
  SOL_NETLINK: 270,
} as const

/** A socket descriptor of the network namespace that the calling thread is in when it is opened. */
export class SystemSocket {
  readonly fd: number
  #open = true

  /** @throws SystemCallError */
  constructor(domain: number, type: number, protocol: number) {
    this.fd = check('socket', cSocket(domain, type | SOCKET.SOCK_CLOEXEC, protocol) as number)
  }

  bind(address: Uint8Array): void {
    check('bind', cBind(this.fd, address, address.length) as number)
  }

  /** The raw sockaddr that the kernel gave this socket, `size` bytes at most. */
  localAddress(size: number): Uint8Array {
    const address = new Uint8Array(size)
    check('getsockname', cGetsockname(this.fd, address, [size]) as number)
    return address
  }

  setOption(level: number, name: number, value: number): void {
    check('setsockopt', cSetsockopt(this.fd, level, name, Int32Array.of(value), 4) as number)
  }

  /** Sends one datagram; blocks the event loop for as long as the kernel takes to process it. */
  send(datagram: Uint8Array): void {
    check('send', cSend(this.fd, datagram, datagram.length, 0) as number)
  }

  /** Sends one datagram from a thread of libuv's pool. The buffer must not change until the promise settles. */
  async sendInBackground(datagram: Uint8Array): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      cSend.async(this.fd, datagram, datagram.length, 0, (error: Error | null, sent: number) => {
        if (error !== null) reject(error)
        else if (sent < 0) reject(new SystemCallError('send', koffi.errno()))
        else resolve()
      })
    })
  }

  /**
   * Takes one datagram without waiting.
   *
   * @returns its length in `buffer`, or -1 when there is none; a length beyond the buffer's means that it was cut.
   */
  receive(buffer: Uint8Array): number {
    for (;;) {
      const length = cRecv(this.fd, buffer, buffer.length, MSG_DONTWAIT | MSG_TRUNC) as number
      if (length >= 0) return length
      const errno = koffi.errno()
      if (errno === EAGAIN) return -1
      if (errno !== EINTR) throw new SystemCallError('recv', errno)
    }
  }

  /** The same from a thread of libuv's pool, for datagrams that the kernel makes while they are asked for. */
  async receiveInBackground(buffer: Uint8Array): Promise<number> {
    return new Promise<number>((resolve, reject) => {
      cRecv.async(this.fd, buffer, buffer.length, MSG_DONTWAIT | MSG_TRUNC, (error: Error | null, length: number) => {
        const errno = koffi.errno()
        if (error !== null) reject(error)
        else if (length >= 0) resolve(length)
        else if (errno === EAGAIN) resolve(-1)
        else if (errno === EINTR) resolve(this.receiveInBackground(buffer))
        else reject(new SystemCallError('recv', errno))
      })
    })
  }

  close(): void {
    if (!this.#open) return
    this.#open = false
    cClose(this.fd)
  }
}

function check(call: string, result: number): number {
  if (result < 0) throw new SystemCallError(call, koffi.errno())
  return result
}
