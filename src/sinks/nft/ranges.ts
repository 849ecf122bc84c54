import { type Cidr, cidrContains, firstAddress, ipBytes, prefixLength } from '../../model/ip.ts'

/** The ranges that are in no other one: the kernel refuses ranges that overlap. By address. */
export function outermost(cidrs: readonly Cidr[]): Cidr[] {
  const sorted = cidrs.map((cidr) => ({ cidr, first: ipBytes(firstAddress(cidr)), length: prefixLength(cidr) }))
  // A range that contains others comes in front of them, and nothing that it does not contain is in between.
  sorted.sort((a, b) => a.first.length - b.first.length || Buffer.compare(a.first, b.first) || a.length - b.length)
  const kept: Cidr[] = []
  for (const { cidr } of sorted) {
    const outer = kept.at(-1)
    if (outer === undefined || !cidrContains(outer, firstAddress(cidr))) kept.push(cidr)
  }
  return kept
}
