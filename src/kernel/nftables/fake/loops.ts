import { NFT_DATA_VERDICT } from '../constants.ts'
import type { FakeChain, FakeStore } from './store.ts'

/** How deep a packet may jump (NFT_JUMP_STACK_SIZE). */
const MAX_DEPTH = 16

/** True when a packet that enters at a hook could go round, or deeper than the kernel allows. */
export function hasLoop(store: FakeStore): boolean {
  const depths = new Map<FakeChain, number>()
  const depthOf = (chain: FakeChain): number => {
    const known = depths.get(chain)
    if (known !== undefined) return known
    // Infinite for as long as it is being looked at: a chain that leads back to itself stays so.
    depths.set(chain, Infinity)
    let depth = 0
    for (const target of targetsOf(chain)) depth = Math.max(depth, 1 + depthOf(target))
    depths.set(chain, depth)
    return depth
  }
  for (const table of store.tables) {
    for (const chain of table.chains.values()) if (chain.base !== undefined && depthOf(chain) >= MAX_DEPTH) return true
  }
  return false
}

function* targetsOf(chain: FakeChain): Generator<FakeChain> {
  for (const { targets, sets } of chain.rules) {
    yield* targets
    for (const { elements, dataType } of sets) {
      if (dataType !== NFT_DATA_VERDICT) continue
      for (const { target } of elements.values()) if (target !== undefined) yield target
    }
  }
}
