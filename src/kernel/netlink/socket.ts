import { SOCKET, SystemCallError, SystemSocket } from '../libc/socket.ts'
import { NETLINK } from './constants.ts'
import { NetlinkError } from './error.ts'

/** What the rest needs of a netlink socket; the fake kernel has it too. */
export interface NetlinkTransport {
  /** This socket's address; messages that we caused carry it. */
  readonly portId: number
  /**
   * Sends one datagram. When it returns, the kernel has processed it and its replies can be received.
   *
   * @throws NetlinkError
   */
  send(datagram: Uint8Array): void
  /** The same from another thread, for datagrams that take the kernel long. The buffer must not change meanwhile. */
  sendInBackground(datagram: Uint8Array): Promise<void>
  /**
   * Takes the next datagram without waiting; undefined when there is none. The buffer is reused by the next call.
   *
   * @throws NetlinkError `NETLINK_OVERRUN` when the kernel had to drop replies.
   */
  receive(): Buffer | undefined
  /**
   * The same from another thread: the kernel makes the next piece of a dump while the one before is taken, and that takes
   * long when it has to look at much and finds little.
   */
  receiveInBackground(): Promise<Buffer | undefined>
  close(): void
}

const SOCKADDR_NL_BYTES = 12

export interface NetlinkOptions {
  /** NETLINK_NETFILTER, NETLINK_ROUTE ... */
  readonly protocol: number
  /** Multicast groups to join, by number. */
  readonly groups?: readonly number[]
  /** Bytes; a batch must fit the send buffer, and its error messages the receive buffer. Needs CAP_NET_ADMIN. */
  readonly sendBuffer?: number
  readonly receiveBuffer?: number
  /** For what anybody may read: without CAP_NET_ADMIN the buffers stay as the system gives them. */
  readonly isForAnyone?: boolean
}

const DEFAULT_SEND_BUFFER = 256 << 20
const DEFAULT_RECEIVE_BUFFER = 32 << 20
/** Large enough for any datagram that the kernel sends (dumps come in pieces of at most 32 KiB). */
const RECEIVE_BYTES = 256 << 10

/** A netlink socket of the network namespace that the calling thread is in. */
export class NetlinkSocket implements NetlinkTransport {
  readonly portId: number
  readonly #socket: SystemSocket
  readonly #buffer = Buffer.allocUnsafeSlow(RECEIVE_BYTES)

  /** @throws NetlinkError `NETLINK_UNSUPPORTED`, `NETLINK_PERMISSION` */
  constructor(options: NetlinkOptions) {
    this.#socket = open(options)
    this.portId = Buffer.from(this.#socket.localAddress(SOCKADDR_NL_BYTES)).readUInt32LE(4)
  }

  send(datagram: Uint8Array): void {
    try {
      this.#socket.send(datagram)
    } catch (error) {
      throw sendError(error, datagram.length)
    }
  }

  async sendInBackground(datagram: Uint8Array): Promise<void> {
    try {
      await this.#socket.sendInBackground(datagram)
    } catch (error) {
      throw sendError(error, datagram.length)
    }
  }

  receive(): Buffer | undefined {
    try {
      return this.#received(this.#socket.receive(this.#buffer))
    } catch (error) {
      throw receiveError(error)
    }
  }

  async receiveInBackground(): Promise<Buffer | undefined> {
    try {
      return this.#received(await this.#socket.receiveInBackground(this.#buffer))
    } catch (error) {
      throw receiveError(error)
    }
  }

  close(): void {
    this.#socket.close()
  }

  #received(length: number): Buffer | undefined {
    if (length < 0) return undefined
    if (length > this.#buffer.length) {
      throw new NetlinkError('NETLINK_PROTOCOL', `a netlink datagram of ${length} bytes does not fit the buffer`)
    }
    return this.#buffer.subarray(0, length)
  }
}

function enlargeBuffers(socket: SystemSocket, options: NetlinkOptions): void {
  const { sendBuffer = DEFAULT_SEND_BUFFER, receiveBuffer = DEFAULT_RECEIVE_BUFFER, isForAnyone = false } = options
  try {
    socket.setOption(SOCKET.SOL_SOCKET, SOCKET.SO_SNDBUFFORCE, sendBuffer)
    socket.setOption(SOCKET.SOL_SOCKET, SOCKET.SO_RCVBUFFORCE, receiveBuffer)
  } catch (error) {
    if (!isForAnyone || !(error instanceof SystemCallError) || error.errno !== 'EPERM') throw error
  }
}

function open(options: NetlinkOptions): SystemSocket {
  let socket: SystemSocket | undefined
  try {
    socket = new SystemSocket(SOCKET.AF_NETLINK, SOCKET.SOCK_RAW, options.protocol)
    const address = Buffer.alloc(SOCKADDR_NL_BYTES)
    address.writeUInt16LE(SOCKET.AF_NETLINK, 0)
    socket.bind(address)
    for (const group of options.groups ?? []) socket.setOption(SOCKET.SOL_NETLINK, NETLINK.ADD_MEMBERSHIP, group)
    socket.setOption(SOCKET.SOL_NETLINK, NETLINK.EXT_ACK, 1)
    socket.setOption(SOCKET.SOL_NETLINK, NETLINK.CAP_ACK, 1)
    socket.setOption(SOCKET.SOL_NETLINK, NETLINK.GET_STRICT_CHK, 1)
    enlargeBuffers(socket, options)
    return socket
  } catch (error) {
    socket?.close()
    const errno = error instanceof SystemCallError ? error.errno : ''
    if (errno === 'EPERM') {
      throw new NetlinkError('NETLINK_PERMISSION', 'programming the kernel needs root or CAP_NET_ADMIN', {
        errno,
        cause: error,
      })
    }
    throw new NetlinkError('NETLINK_UNSUPPORTED', `cannot open a netlink socket of protocol ${options.protocol}`, {
      errno,
      cause: error,
    })
  }
}

function receiveError(error: unknown): NetlinkError {
  if (error instanceof NetlinkError) return error
  const errno = error instanceof SystemCallError ? error.errno : ''
  const overrun = errno === 'ENOBUFS'
  const message = overrun ? 'the kernel dropped replies: the receive buffer was full' : 'cannot read from netlink'
  return new NetlinkError(overrun ? 'NETLINK_OVERRUN' : 'NETLINK_PROTOCOL', message, { errno, cause: error })
}

function sendError(error: unknown, length: number): NetlinkError {
  const errno = error instanceof SystemCallError ? error.errno : ''
  const hint = errno === 'EMSGSIZE' ? ': it does not fit the socket buffer' : ''
  return new NetlinkError('NETLINK_SEND', `cannot send ${length} bytes to netlink (${errno})${hint}`, {
    errno,
    cause: error,
  })
}
