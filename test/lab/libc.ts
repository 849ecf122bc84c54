import { SocketAddress } from 'node:net'
import { getSystemErrorName } from 'node:util'
import koffi from 'koffi'
import { LabError } from './error.ts'

export const AF_INET = 2
export const AF_INET6 = 10
export const SOCK_DGRAM = 2
export const SOCK_RAW = 3
export const SOCK_NONBLOCK = 0o4000
export const SOCK_CLOEXEC = 0o2000000
export const MSG_ERRQUEUE = 0x2000
const CLONE_NEWNET = 0x40000000
const SIOCSIFFLAGS = 0x8914
const IFF_UP = 1
const SOL_SOCKET = 1
const SO_LINGER = 13

type Call = (...args: (number | string | Buffer | null)[]) => number

// Bound on first use: importing the lab must work where there is no setns, so that labSupport() can say so.
let bound: Record<string, Call> | undefined

function libc(): Record<string, Call> {
  if (bound) return bound
  const library = koffi.load(null)
  const signatures = {
    setns: 'int setns(int fd, int nstype)',
    socket: 'int socket(int domain, int type, int protocol)',
    close: 'int close(int fd)',
    bind: 'int bind(int fd, void *addr, uint32_t len)',
    connect: 'int connect(int fd, void *addr, uint32_t len)',
    setsockopt: 'int setsockopt(int fd, int level, int name, void *value, uint32_t len)',
    sendto: 'int64_t sendto(int fd, void *buf, size_t len, int flags, void *addr, uint32_t addrlen)',
    recvfrom: 'int64_t recvfrom(int fd, void *buf, size_t len, int flags, void *addr, void *addrlen)',
    inet_pton: 'int inet_pton(int af, const char *src, void *dst)',
    ioctl_ifreq: 'int ioctl(int fd, unsigned long request, void *ifreq)',
  }
  const calls: Record<string, Call> = {}
  for (const [name, signature] of Object.entries(signatures)) calls[name] = library.func(signature)
  bound = calls
  return calls
}

/** Calls a C function that returns -1 on failure; throws a LabError with the errno's name. */
export function syscall(name: string, ...args: (number | string | Buffer | null)[]): number {
  const call = libc()[name]
  if (!call) throw new LabError('USAGE', `libc function ${name} is not bound`)
  const result = call(...args)
  if (result >= 0) return result
  const errno = getSystemErrorName(-koffi.errno())
  throw new LabError('SYSCALL', `${name}: ${errno}`, { errno })
}

/** Moves the calling thread into the network namespace behind a file descriptor. */
export function setns(fd: number): void {
  syscall('setns', fd, CLONE_NEWNET)
}

/** Brings an interface of the calling thread's namespace up, without the cost of a process. */
export function interfaceUp(name: string): void {
  const fd = syscall('socket', AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)
  try {
    const ifreq = Buffer.alloc(40) // struct ifreq: name[16], then a union that starts with the flags
    ifreq.write(name, 0, 15)
    ifreq.writeInt16LE(IFF_UP, 16)
    syscall('ioctl_ifreq', fd, SIOCSIFFLAGS, ifreq)
  } finally {
    syscall('close', fd)
  }
}

/** Makes closing a TCP socket send a reset instead of a FIN. */
export function resetOnClose(fd: number): void {
  const linger = Buffer.from([1, 0, 0, 0, 0, 0, 0, 0]) // struct linger: on, for 0 seconds
  syscall('setsockopt', fd, SOL_SOCKET, SO_LINGER, linger, linger.length)
}

/** A struct sockaddr_in or sockaddr_in6 for an address without a zone. */
export function sockaddr(address: string, port: number): Buffer {
  const six = address.includes(':')
  const packed = Buffer.alloc(16)
  if (syscall('inet_pton', six ? AF_INET6 : AF_INET, address, packed) !== 1) {
    throw new LabError('USAGE', `${address} is not an IP address`)
  }
  const result = Buffer.alloc(six ? 28 : 16)
  result.writeUInt16LE(six ? AF_INET6 : AF_INET, 0)
  result.writeUInt16BE(port, 2)
  packed.copy(result, six ? 8 : 4, 0, six ? 16 : 4)
  return result
}

/** The address in a struct sockaddr_in or sockaddr_in6, as text. */
export function sockaddrAddress(name: Buffer): string {
  if (name.readUInt16LE(0) === AF_INET) return name.subarray(4, 8).join('.')
  const groups = Array.from({ length: 8 }, (_, index) => name.readUInt16BE(8 + index * 2).toString(16))
  return new SocketAddress({ address: groups.join(':'), family: 'ipv6' }).address // in its canonical short form
}
