import { familyOf, type IpAddress } from '../ip.ts'
import type { Contents } from './message.ts'

/** localv1.IPSet: sorted as text, each address once. */
export function ipSet(addresses: readonly IpAddress[]): Contents {
  const sorted = [...new Set(addresses)].sort()
  return { v4: sorted.filter((ip) => familyOf(ip) === 4), v6: sorted.filter((ip) => familyOf(ip) === 6) }
}
