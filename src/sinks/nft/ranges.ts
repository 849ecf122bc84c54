import { type Cidr, cidrContains, firstAddress, prefixLength } from '../../model/ip.ts'

/** The ranges that are in no other one: the kernel refuses ranges that overlap. */
export function outermost(cidrs: readonly Cidr[]): Cidr[] {
  const kept: Cidr[] = []
  for (const cidr of [...cidrs].sort((a, b) => prefixLength(a) - prefixLength(b))) {
    if (!kept.some((outer) => cidrContains(outer, firstAddress(cidr)))) kept.push(cidr)
  }
  return kept
}
