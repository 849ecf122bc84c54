import { networkInterfaces } from 'node:os'

/** An address as users write it: IPv4 seen through a dual-stack socket without its IPv6 prefix. */
export function plain(address: string | undefined): string {
  return (address ?? '').replace(/^::ffff:(?=\d+\.)/, '')
}

/**
 * The addresses of this thread's namespace, without link-local ones. Servers of datagrams bind each of them, because a
 * datagram socket bound to the wildcard answers from the address the routes choose, not from the one that was asked.
 */
export function localAddresses(): string[] {
  return Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .map(({ address }) => address)
    .filter((address) => !address.startsWith('fe80:'))
}
