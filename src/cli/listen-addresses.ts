import { type Cidr, type IpAddress, parseCidr, parseIp } from '../model/ip.ts'
import { UsageError } from './failure.ts'
import { NodeAddresses } from './node-addresses.ts'

/** Every address of the host, those that come later, too. */
const EVERYWHERE = ['0.0.0.0', '::'] as readonly string[] as readonly IpAddress[]

/** Where to listen. */
export interface ListenAddresses {
  /** The present addresses; 0.0.0.0 and :: stand for all of their family. */
  current(): readonly IpAddress[]
  /** Calls back when they are others. */
  follow(callback: (addresses: readonly IpAddress[]) => void): void
  close(): void
}

/**
 * As KPNG's `--ip`: addresses as they are, and those of the host's own that are in a CIDR; every address when there is none.
 *
 * @throws UsageError; NetlinkError when a CIDR is given and the host's addresses cannot be read
 */
export function listenAddresses(values: readonly string[] = []): ListenAddresses {
  if (values.length === 0) return fixed(EVERYWHERE)
  const addresses: IpAddress[] = []
  const cidrs: Cidr[] = []
  for (const value of values) {
    const address = parseIp(value)
    const cidr = parseCidr(value)
    if (address !== undefined) addresses.push(address)
    else if (cidr !== undefined) cidrs.push(cidr)
    else throw new UsageError(`--ip: "${value}" must be an address such as 10.0.0.1, or a CIDR such as 10.0.0.0/8`)
  }
  return cidrs.length === 0 ? fixed(addresses) : chosen(addresses, cidrs)
}

function fixed(addresses: readonly IpAddress[]): ListenAddresses {
  return { current: () => addresses, follow: () => {}, close: () => {} }
}

function chosen(always: readonly IpAddress[], cidrs: readonly Cidr[]): ListenAddresses {
  const own = new NodeAddresses({ primary: false, localhost: false, all: false, cidrs })
  let matched: readonly IpAddress[] = []
  const current = () => {
    matched = own.changed()?.toListen ?? matched
    return [...new Set([...always, ...matched])]
  }
  return { current, follow: (callback) => own.follow(() => callback(current())), close: () => own.close() }
}
