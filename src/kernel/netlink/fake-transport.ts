import { NetlinkError } from './error.ts'
import type { NetlinkTransport } from './socket.ts'

/** A socket of a fake kernel. */
export class FakeTransport implements NetlinkTransport {
  readonly portId: number
  readonly #submit: (datagram: Buffer) => void
  readonly #onClose: () => void
  #queue: Buffer[] = []
  #isOverrun = false
  #isOpen = true

  constructor(portId: number, submit: (datagram: Buffer) => void, onClose: () => void = () => {}) {
    this.portId = portId
    this.#submit = submit
    this.#onClose = onClose
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  send(datagram: Uint8Array): void {
    if (!this.#isOpen) throw new NetlinkError('NETLINK_SEND', 'the socket is closed', { errno: 'EBADF' })
    // Copied, because the caller may use the buffer again.
    this.#submit(Buffer.from(datagram))
  }

  async sendInBackground(datagram: Uint8Array): Promise<void> {
    await Promise.resolve()
    this.send(datagram)
  }

  receive(): Buffer | undefined {
    if (!this.#isOpen) throw new NetlinkError('NETLINK_PROTOCOL', 'the socket is closed', { errno: 'EBADF' })
    if (this.#isOverrun) {
      this.#isOverrun = false
      throw new NetlinkError('NETLINK_OVERRUN', 'the kernel dropped replies: the receive buffer was full', {
        errno: 'ENOBUFS',
      })
    }
    return this.#queue.shift()
  }

  async receiveInBackground(): Promise<Buffer | undefined> {
    await Promise.resolve()
    return this.receive()
  }

  /** Called by the kernel: puts datagrams into the receive buffer. */
  deliver(datagrams: readonly Buffer[]): void {
    if (!this.#isOpen) return
    for (const datagram of datagrams) this.#queue.push(datagram)
  }

  /** Called by the kernel: what is in the receive buffer is lost, and the reader is told. */
  overrun(): void {
    this.#queue = []
    this.#isOverrun = true
  }

  close(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#queue = []
    this.#onClose()
  }
}
