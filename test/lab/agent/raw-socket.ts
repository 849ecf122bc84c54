import { LabError } from '../error.ts'
import {
  AF_INET,
  AF_INET6,
  MSG_ERRQUEUE,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_RAW,
  sockaddr,
  sockaddrAddress,
  syscall,
} from '../libc.ts'

const IPPROTO_IPV6 = 41
export const IPPROTO_TCP = 6
export const IPPROTO_SCTP = 132
const IP_RECVERR = 11
const IPV6_RECVERR = 25

/** A packet's payload without IP header, and who sent it. */
export interface RawPacket {
  payload: Buffer
  from: string
}

/**
 * A raw socket for one protocol and the family of an address. It is read by looking every few milliseconds: recv through
 * koffi would block the agent, and libuv's poll gives up on a socket that has an ICMP error queued.
 */
export class RawSocket {
  readonly #fd: number
  readonly #six: boolean
  readonly #buffer = Buffer.alloc(65536)
  #timer: NodeJS.Timeout | undefined
  #closed = false

  constructor(family: string, protocol: number) {
    this.#six = family.includes(':')
    this.#fd = syscall('socket', this.#six ? AF_INET6 : AF_INET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol)
  }

  /** Receives only what is sent to this address, and sends from it. */
  bind(address: string): void {
    const name = sockaddr(address, 0)
    syscall('bind', this.#fd, name, name.length)
  }

  /** Receives only what comes from this address, and the ICMP errors that answer what is sent to it. */
  connect(address: string): void {
    const on = Buffer.from([1, 0, 0, 0])
    const [level, option] = this.#six ? [IPPROTO_IPV6, IPV6_RECVERR] : [0, IP_RECVERR]
    syscall('setsockopt', this.#fd, level, option, on, on.length)
    const name = sockaddr(address, 0)
    syscall('connect', this.#fd, name, name.length)
  }

  /** Sends a payload; the address may be left out on a connected socket. */
  send(payload: Buffer, address?: string): void {
    const name = address === undefined ? null : sockaddr(address, 0)
    syscall('sendto', this.#fd, payload, payload.length, 0, name, name?.length ?? 0)
  }

  /** Calls back for every packet, and with the errno for every error that has come in. */
  read(onPacket: (packet: RawPacket) => void, onError: (error: LabError) => void): void {
    const drain = () => {
      for (;;) {
        if (this.#closed) return // closed by a callback
        try {
          onPacket(this.#receive())
        } catch (error) {
          if (!(error instanceof LabError)) throw error
          if (error.errno === 'EAGAIN') return
          onError(error)
        }
      }
    }
    this.#timer = setInterval(drain, 2)
  }

  /** The payload of a packet of ours that an ICMP error has answered. */
  rejected(): Buffer {
    const length = syscall('recvfrom', this.#fd, this.#buffer, this.#buffer.length, MSG_ERRQUEUE, null, null)
    return Buffer.from(this.#buffer.subarray(0, length))
  }

  close(): void {
    if (this.#closed) return // the number may be another file's by now
    this.#closed = true
    clearInterval(this.#timer)
    syscall('close', this.#fd)
  }

  #receive(): RawPacket {
    const name = Buffer.alloc(28)
    const size = Buffer.from([28, 0, 0, 0])
    const length = syscall('recvfrom', this.#fd, this.#buffer, this.#buffer.length, 0, name, size)
    // IPv4 raw sockets give the IP header too, IPv6 ones do not.
    const start = this.#six ? 0 : ((this.#buffer[0] ?? 0) & 15) * 4
    return { payload: Buffer.from(this.#buffer.subarray(start, length)), from: sockaddrAddress(name) }
  }
}
