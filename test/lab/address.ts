/** An address without its prefix length. */
export function bare(address: string): string {
  return address.split('/')[0] ?? address
}

/** Whether an address or prefix is IPv6. */
export function isIPv6(address: string): boolean {
  return address.includes(':')
}

/** The first of some addresses that has the family of another, without prefix length. */
export function sameFamily(addresses: string[], as: string): string | undefined {
  const found = addresses.find((address) => isIPv6(address) === isIPv6(as))
  return found === undefined ? undefined : bare(found)
}

/** A line for `ip -batch` that adds an address which is usable at once. */
export function addAddress(address: string, device: string): string {
  return `addr add ${address} dev ${device}${isIPv6(address) ? ' nodad' : ''}`
}
