import type { PoolEndpoint } from '../../virtual-server/virtual-server.ts'

/** A slot that changes: what was in it and what comes. */
export interface SlotChange {
  readonly slot: number
  readonly before: PoolEndpoint | undefined
  readonly after: PoolEndpoint | undefined
}

/**
 * Puts a pool's endpoints into slots 0, 1, 2 ... so that as few slots as possible change: who stays keeps the slot, new
 * ones take the slots of those who went, and what is left of the tail moves down into the gaps.
 */
export function assignSlots(before: readonly PoolEndpoint[], endpoints: readonly PoolEndpoint[]): PoolEndpoint[] {
  if (before.length === 0) return [...endpoints]
  const wanted = new Map(endpoints.map((endpoint) => [endpointKey(endpoint), endpoint]))
  const slots: (PoolEndpoint | undefined)[] = before.map((endpoint) => {
    const key = endpointKey(endpoint)
    const kept = wanted.get(key)
    wanted.delete(key)
    return kept
  })
  let gap = nextGap(slots, 0)
  for (const endpoint of wanted.values()) {
    slots[gap] = endpoint
    gap = nextGap(slots, gap + 1)
  }
  while (gap < slots.length) {
    const last = slots.pop()
    if (last === undefined) continue
    slots[gap] = last
    gap = nextGap(slots, gap + 1)
  }
  return slots.filter((endpoint) => endpoint !== undefined)
}

/** The slots that differ, and how. */
export function slotChanges(before: readonly PoolEndpoint[], after: readonly PoolEndpoint[]): SlotChange[] {
  const changes: SlotChange[] = []
  for (let slot = 0; slot < Math.max(before.length, after.length); slot++) {
    const [old, now] = [before[slot], after[slot]]
    if (old === undefined || now === undefined || endpointKey(old) !== endpointKey(now)) {
      changes.push({ slot, before: old, after: now })
    }
  }
  return changes
}

function nextGap(slots: readonly (PoolEndpoint | undefined)[], from: number): number {
  let gap = from
  while (gap < slots.length && slots[gap] !== undefined) gap++
  return gap
}

export function endpointKey(endpoint: PoolEndpoint): string {
  return `${endpoint.address} ${endpoint.port}`
}
