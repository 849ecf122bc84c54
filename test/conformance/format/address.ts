import { parseIp } from '../../../src/model/ip.ts'

/** The text that sockets give; what is no address stays as it is. */
export function canonical(address: string): string {
  return parseIp(address) ?? address
}

/** `IP:port`, in brackets for IPv6. */
export function endpointText(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}

/** `IP:port` as sockets would give it. */
export function canonicalEndpoint(text: string): string {
  const [, address = text, port = ''] = /^\[?(.*?)\]?:(\d+)$/.exec(text) ?? []
  return endpointText(canonical(address), Number(port))
}

export function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1'
}
