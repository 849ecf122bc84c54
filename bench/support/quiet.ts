import { readdirSync, readFileSync } from 'node:fs'

const NETLINK_NETFILTER = '12'
/** NFNLGRP_NFTABLES is group 7. */
const NFTABLES_GROUP_BIT = 1 << 6

/** Makes the next measurement pay for its own garbage only. */
export function collectGarbage(): void {
  ;(globalThis as { gc?: () => void }).gc?.()
}

/**
 * Says so when a process listens to nf_tables notifications, in whatever network namespace: the kernel knows only whether
 * there is a listener at all (nl_table[].listeners in af_netlink.c), and then builds a notification for each element of
 * every transaction on the machine. A load takes two to ten times as long, and about 5 KB for each element meanwhile.
 */
export function warnOfListeners(): void {
  const found = listeners()
  if (found === 0) return
  console.log(`\nNOTE: ${found} processes or more are in namespaces where somebody listens to nf_tables notifications.`)
  console.log(
    'Big transactions are slower by that, everywhere on this machine and for nft too: stop them and measure again.',
  )
}

/** Processes in network namespaces where somebody listens to nf_tables notifications. */
export function listeners(): number {
  let found = 0
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    let sockets: string
    try {
      sockets = readFileSync(`/proc/${pid}/net/netlink`, 'utf8')
    } catch {
      // It ended meanwhile.
      continue
    }
    const listens = sockets.split('\n').some((line) => {
      const [, protocol, , groups = '0'] = line.trim().split(/\s+/)
      return protocol === NETLINK_NETFILTER && (Number.parseInt(groups, 16) & NFTABLES_GROUP_BIT) !== 0
    })
    if (listens) found++
  }
  return found
}
