import { existsSync, readFileSync } from 'node:fs'

/** Features of the kernel that a case may need, and how one sees whether it is there. */
const FEATURES: Readonly<Record<string, () => boolean>> = {
  'SCTP sockets': () => readFileSync('/proc/net/protocols', 'utf8').includes('SCTP'),
  IPVS: () => existsSync('/proc/net/ip_vs'),
  IPv6: () => existsSync('/proc/net/if_inet6'),
}

/** Why a feature cannot be used here; undefined when it can. A feature that is not in the table is missing. */
export function missingFeature(name: string): string | undefined {
  const probe = Object.hasOwn(FEATURES, name) ? FEATURES[name] : undefined
  if (probe === undefined) return `nobody knows how to see whether the kernel has ${name}`
  return probe() ? undefined : `the kernel has no ${name}`
}
