import type { RawAddress } from '../../kernel/conntrack/flow.ts'

/** Values by address and port. The port is looked up first: a number, and nearly always enough to see that there is none. */
export class PortTable<T> {
  readonly #ports = new Map<number, Map<RawAddress, T>>()

  get isEmpty(): boolean {
    return this.#ports.size === 0
  }

  get(address: RawAddress, port: number): T | undefined {
    return this.#ports.get(port)?.get(address)
  }

  set(address: RawAddress, port: number, value: T): void {
    const addresses = this.#ports.get(port)
    if (addresses === undefined) this.#ports.set(port, new Map([[address, value]]))
    else addresses.set(address, value)
  }

  delete(address: RawAddress, port: number): void {
    const addresses = this.#ports.get(port)
    if (addresses?.delete(address) === true && addresses.size === 0) this.#ports.delete(port)
  }

  clear(): void {
    this.#ports.clear()
  }
}
