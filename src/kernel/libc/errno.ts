import { constants } from 'node:os'

const NAMES = new Map(Object.entries(constants.errno).map(([name, number]) => [number, name]))

// Linux values (asm-generic/errno.h) that node:os does not list, and netlink uses.
for (const [name, number] of Object.entries({ ERESTART: 85, ENODATA: 61, ENOTUNIQ: 76, EREMOTEIO: 121 })) {
  if (!NAMES.has(number)) NAMES.set(number, name)
}

/** The symbolic name of a positive errno, for example `ENOENT`; `errno N` when it has none. */
export function errnoName(errno: number): string {
  return NAMES.get(errno) ?? `errno ${errno}`
}

/** The positive number of a symbolic errno, for example 2 for `ENOENT`. @throws TypeError when there is none. */
export function errnoNumber(name: string): number {
  for (const [number, known] of NAMES) if (known === name) return number
  throw new TypeError(`no such errno: ${name}`)
}
