import { writeFileSync } from 'node:fs'

/** Writes a sysctl of the calling thread's network namespace, e.g. `net.ipv4.ip_forward` or `net/ipv4/ip_forward`. */
export function writeSysctl(name: string, value: string | number): void {
  const path = name.includes('/') ? name : name.replaceAll('.', '/')
  writeFileSync(`/proc/sys/${path}`, String(value))
}

const forwarding = ['net/ipv4/ip_forward', 'net/ipv6/conf/all/forwarding']

// Both 'all' and 'default', before the first interface: interfaces start with what 'default' says.
const perInterface = {
  'ipv4/conf/*/rp_filter': 0,
  'ipv4/conf/*/send_redirects': 0,
  'ipv4/conf/*/accept_redirects': 0,
  'ipv6/conf/*/disable_ipv6': 0,
  'ipv6/conf/*/accept_dad': 0,
  'ipv6/conf/*/dad_transmits': 0,
  'ipv6/conf/*/accept_ra': 0,
  'ipv6/conf/*/router_solicitations': 0,
  'ipv6/conf/*/accept_redirects': 0,
}

const once: Record<string, string | number> = {
  // Every refused request of a test has to be told so, however many there are.
  'ipv4/icmp_ratelimit': 0,
  'ipv4/icmp_ratemask': 0,
  'ipv6/icmp/ratelimit': 0,
  // Thousands of short connections to one server must not run out of ports.
  'ipv4/tcp_tw_reuse': 1,
}

/** Sets the calling thread's new namespace up for tests: addresses usable at once, answers never rate limited. */
export function writeLabSysctls(options: { forward: boolean }): void {
  // First, because switching forwarding on changes other settings.
  if (options.forward) for (const name of forwarding) writeSysctl(name, 1)
  for (const [name, value] of Object.entries(perInterface)) {
    for (const which of ['all', 'default']) writeSysctl(`net/${name.replace('*', which)}`, value)
  }
  for (const [name, value] of Object.entries(once)) writeSysctl(`net/${name}`, value)
}
