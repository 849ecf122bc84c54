import type { Logger } from '../observe/log.ts'
import { cleanupKubeProxy } from '../sinks/kube-proxy/cleanup.ts'
import type { DataPlane } from '../virtual-server/data-plane.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'

/** `sluice cleanup --kube-proxy`: Sluice's own tables stay, and a running instance is not disturbed. */
export async function cleanupLeftovers(): Promise<ExitCode> {
  const { removed, left } = await cleanupKubeProxy()
  for (const what of removed) console.log(`deleted ${what}`)
  for (const what of left) console.error(`left ${what}`)
  if (removed.length + left.length === 0) console.log('nothing of kube-proxy to delete')
  return left.length === 0 ? EXIT.ok : EXIT.skipped
}

/**
 * The same plane, that removes kube-proxy's leftovers once, as soon as it serves something itself: until then they are what
 * serves. A state without virtual servers is more likely a mistake than a cluster, and removes nothing.
 */
export function replacingKubeProxy(plane: DataPlane, log: Logger): DataPlane {
  let isDone = false
  return {
    name: plane.name,
    get failedFamilies() {
      return plane.failedFamilies
    },
    problems: () => plane.problems(),
    counts: () => plane.counts(),
    check: async () => plane.check(),
    close: async () => plane.close(),
    apply: async (changes) => {
      await plane.apply(changes)
      if (isDone || plane.counts().virtualServers === 0) return
      isDone = true
      await logCleanup(log)
    },
  }
}

/** Never rejects: that leftovers stay is no reason not to serve. */
async function logCleanup(log: Logger): Promise<void> {
  try {
    const { removed, left } = await cleanupKubeProxy()
    log.info({ removed }, "removed kube-proxy's leftovers")
    for (const what of left) log.warn(`left of kube-proxy: ${what}`)
  } catch (error) {
    log.error({ err: error }, "kube-proxy's leftovers could not be removed")
  }
}
