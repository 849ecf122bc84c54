/**
 * How many slots a pool has. Pools of up to 32 endpoints have one slot each; larger ones round up to sixteen steps an
 * octave, so that at most 208 different counts (and so chains) exist up to 65,536 endpoints. The slots behind the last
 * endpoint stay empty: a packet that draws one draws again, and every endpoint stays equally likely.
 */

/** Up to this many endpoints a pool has one slot each. */
export const EXACT_UP_TO = 32
const STEPS_PER_OCTAVE = 16

/** The distance between two slot counts around `count`. */
function step(count: number): number {
  return count <= EXACT_UP_TO ? 1 : 2 ** Math.ceil(Math.log2(count)) / 2 / STEPS_PER_OCTAVE
}

/** Slots of a pool with this many endpoints: at least as many, and less than 1/16 more. */
export function slotCount(endpoints: number): number {
  const size = step(endpoints)
  return Math.ceil(endpoints / size) * size
}

/** True when every pool with this slot count has an endpoint in each slot. */
export function isExact(slots: number): boolean {
  return slots <= EXACT_UP_TO
}

/** The next smaller slot count: a pool with `slots` slots has an endpoint in each of these. */
export function fallbackSlots(slots: number): number {
  return slots - step(slots)
}
