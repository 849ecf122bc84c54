import { parseIp } from '../model/ip.ts'
import type { BindAddress } from '../observe/http-listener.ts'
import { UsageError } from './failure.ts'

/**
 * Reads `IP:PORT`, `[IPv6]:PORT`, or an IP alone, as kube-proxy does; 0.0.0.0 and :: both stand for every address of both
 * families.
 *
 * @returns undefined for the empty text.
 * @throws UsageError that names the flag.
 */
export function bindAddress(flag: string, text: string, defaultPort: number): BindAddress | undefined {
  if (text === '') return undefined
  const found = bindAddressOf(text, defaultPort)
  if (found !== undefined) return found
  const examples = `0.0.0.0:${defaultPort} or [::]:${defaultPort}`
  throw new UsageError(`${flag}: "${text}" must be an address and port such as ${examples}`)
}

/** The same for a text that is not empty; undefined when it is no address. */
export function bindAddressOf(text: string, defaultPort: number): BindAddress | undefined {
  const [, bracketed, plain = '', digits = ''] = /^(?:\[(.+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text) ?? []
  const address = parseIp(text) ?? parseIp(bracketed ?? plain)
  const port = digits === '' ? defaultPort : Number(digits)
  if (address === undefined || port < 1 || port > 65535) return undefined
  return { host: address === '0.0.0.0' || address === '::' ? '' : address, port }
}
