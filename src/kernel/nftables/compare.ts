import { attributeMap, attributes, readString } from '../netlink/attributes.ts'
import { NLA_F_NESTED } from '../netlink/constants.ts'
import { MessageWriter } from '../netlink/writer.ts'
import { HOOKNUM } from './batch.ts'
import { NFTA_EXPR, NFTA_LOOKUP, NFTA_NAT } from './constants.ts'
import type { ReadChain, ReadElement, ReadRule, ReadSet } from './decode.ts'
import { setShape } from './set-encode.ts'
import { type AnonymousSet, anonymousSet, encodeStatement } from './statement-netlink.ts'
import { numberBytes } from './statement-text.ts'
import { type Chain, type NftSet, type Rule, type TableFamily } from './types.ts'
import { shortenComment } from './userdata.ts'
import { formatVerdict } from './verdict.ts'

const ANONYMOUS = '__anonymous'

/** True when the kernel's chain has the hook that ours has to have. */
export function sameChain(ours: Chain, kernel: ReadChain): boolean {
  if (ours.base === undefined || kernel.base === undefined) return ours.base === undefined && kernel.base === undefined
  const { type, hooknum, priority, policy } = kernel.base
  return (
    type === ours.base.type && hooknum === HOOKNUM[ours.base.hook] && priority === ours.base.priority && policy === 1
  )
}

/** True when the kernel's set is declared as ours has to be. */
export function sameSet(ours: NftSet, kernel: ReadSet): boolean {
  const shape = setShape(ours)
  return (
    shape.flags === kernel.flags &&
    shape.keyType === kernel.keyType &&
    shape.keyBytes === kernel.keyBytes &&
    shape.dataType === kernel.dataType &&
    shape.dataBytes === kernel.dataBytes &&
    shape.size === kernel.size &&
    shape.timeoutMs === kernel.timeoutMs &&
    shape.userdata.equals(kernel.userdata)
  )
}

/** An anonymous set of a rule, and what has to be in it. */
export interface AnonymousUse {
  /** The name that the kernel gave it, for example `__set3`. */
  readonly name: string
  readonly expected: AnonymousSet
}

/**
 * Compares a rule with the kernel's.
 *
 * @returns undefined when they differ; otherwise the anonymous sets whose elements have to be compared, too.
 */
export function sameRule(family: TableFamily, ours: Rule, kernel: ReadRule): AnonymousUse[] | undefined {
  if (shortenComment(ours.comment ?? '') !== kernel.comment) return undefined
  const writer = new MessageWriter(1024)
  const expected: AnonymousSet[] = []
  for (const statement of ours.statements) {
    const set = anonymousSet(statement)
    if (set !== undefined) expected.push(set)
    encodeStatement(writer, family, statement, set && { name: ANONYMOUS })
  }
  const uses: AnonymousUse[] = []
  const isSame = containsList(writer.bytes, kernel.expressions, (name) => {
    const set = expected[uses.length]
    if (set === undefined || !name.startsWith('__')) return false
    uses.push({ name, expected: set })
    return true
  })
  return isSame ? uses : undefined
}

/** True when the kernel's elements are those that an anonymous set has to have. */
export function sameAnonymous({ expected }: AnonymousUse, elements: readonly ReadElement[]): boolean {
  const wanted = new Map(
    expected.elements.map(({ value, verdict }) => [
      numberBytes(expected.field, value).toString('hex'),
      verdict === undefined ? '' : formatVerdict(verdict),
    ]),
  )
  if (wanted.size !== elements.length) return false
  return elements.every(({ key, data }) => {
    const verdict = data === undefined || Buffer.isBuffer(data) ? '' : formatVerdict(data)
    return wanted.get(key.toString('hex')) === verdict
  })
}

/** Expressions in order, each the same. */
function containsList(ours: Buffer, kernel: Buffer, anonymous: (name: string) => boolean): boolean {
  const a = [...attributes(ours, 0, ours.length)]
  const b = [...attributes(kernel, 0, kernel.length)]
  if (a.length !== b.length) return false
  return a.every((expression, index) => {
    const other = b[index]
    if (other === undefined) return false
    const mine = ours.subarray(expression.start, expression.end)
    const theirs = kernel.subarray(other.start, other.end)
    return sameExpression(mine, theirs, anonymous)
  })
}

/** Compares two expressions; of an anonymous set, whose name the kernel chose, `anonymous` decides. */
function sameExpression(ours: Buffer, kernel: Buffer, anonymous: (name: string) => boolean): boolean {
  const a = partsOf(ours)
  const b = partsOf(kernel)
  if (a === undefined || b === undefined || a.name !== b.name) return false
  const set = a.name === 'lookup' ? textOf(a.data, NFTA_LOOKUP.SET) : undefined
  if (set !== ANONYMOUS) return contains(a.data, b.data, IMPLIED[a.name])
  return contains(a.data, b.data, [], NFTA_LOOKUP.SET) && anonymous(textOf(b.data, NFTA_LOOKUP.SET) ?? '')
}

function partsOf(expression: Buffer): { readonly name: string; readonly data: Buffer } | undefined {
  const parts = attributeMap(expression, 0, expression.length)
  const name = parts.get(NFTA_EXPR.NAME)
  const data = parts.get(NFTA_EXPR.DATA)
  if (name === undefined) return undefined
  return { name: readString(expression, name), data: expression.subarray(data?.start ?? 0, data?.end ?? 0) }
}

function textOf(data: Buffer, type: number): string | undefined {
  const attribute = attributeMap(data, 0, data.length).get(type)
  return attribute && readString(data, attribute)
}

/** What the kernel adds to an expression because of what else is in it. Otherwise it adds only what is 0, such as flags. */
const IMPLIED: { readonly [expression: string]: readonly number[] } = {
  nat: [NFTA_NAT.REG_ADDR_MAX, NFTA_NAT.REG_PROTO_MAX, NFTA_NAT.FLAGS],
}

/**
 * True when every attribute of ours is in the kernel's with the same value, and the kernel's say nothing else.
 *
 * @param except an attribute that is not compared; 0 for none.
 */
function contains(ours: Buffer, kernel: Buffer, implied: readonly number[] = [], except = 0): boolean {
  const mine = attributeMap(ours, 0, ours.length)
  const theirs = attributeMap(kernel, 0, kernel.length)
  for (const [type, attribute] of mine) {
    if (type === except) continue
    const other = theirs.get(type)
    if (other === undefined) return false
    const value = ours.subarray(attribute.start, attribute.end)
    const found = kernel.subarray(other.start, other.end)
    const isNested = (ours.readUInt16LE(attribute.start - 2) & NLA_F_NESTED) !== 0
    if (isNested ? !contains(value, found) : !value.equals(found)) return false
  }
  for (const [type, { start, end }] of theirs) {
    if (mine.has(type) || implied.includes(type)) continue
    if (kernel.subarray(start, end).some((byte) => byte !== 0)) return false
  }
  return true
}
