/** Whether a value has everything that a pattern has: objects may have more keys, all else is equal. */
export function matches(value: unknown, pattern: unknown): boolean {
  if (typeof pattern !== 'object' || pattern === null) return value === pattern
  if (Array.isArray(pattern)) {
    return Array.isArray(value) && value.length === pattern.length && pattern.every((one, i) => matches(value[i], one))
  }
  if (typeof value !== 'object' || value === null) return false
  return Object.entries(pattern).every(([key, one]) => matches((value as Record<string, unknown>)[key], one))
}

/** What a text must and must not have in it. */
export interface TextPattern {
  readonly contains: readonly string[]
  readonly lacks: readonly string[]
}

/** What is wrong with a text; empty when nothing is. */
export function textFaults(text: string, { contains, lacks }: TextPattern): string[] {
  return [
    ...contains.filter((part) => !text.includes(part)).map((part) => `no "${part}"`),
    ...lacks.filter((part) => text.includes(part)).map((part) => `"${part}"`),
  ]
}

/** The pattern in words. */
export function patternText({ contains, lacks }: TextPattern): string {
  return [...contains.map((part) => `"${part}"`), ...lacks.map((part) => `no "${part}"`)].join(', ')
}
