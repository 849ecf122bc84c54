import type { ClusterObject } from '../model/object.ts'

/**
 * True when two objects mean the same for traffic. When the change happened that an EndpointSlice reflects says nothing of its
 * own: it counts together with a change.
 */
export function isSameObject(a: ClusterObject | undefined, b: ClusterObject): boolean {
  return isSame(withoutTimes(a), withoutTimes(b))
}

function withoutTimes(object: ClusterObject | undefined): unknown {
  if (object?.kind !== 'EndpointSlice') return object
  const { lastChangeTriggerTime: _, ...value } = object.value
  return { kind: object.kind, value }
}

/** True when two values of plain data (no cycles) are alike. An absent field is the same as an undefined one. */
function isSame(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((entry, i) => isSame(entry, b[i]))
  }
  const left = a as Record<string, unknown>
  const right = b as Record<string, unknown>
  for (const key in left) if (!isSame(left[key], right[key])) return false
  for (const key in right) if (right[key] !== undefined && left[key] === undefined) return false
  return true
}
