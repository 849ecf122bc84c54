import { attributeMap, attributes, readString } from '../netlink/attributes.ts'
import { NLA_F_NESTED } from '../netlink/constants.ts'
import { MessageWriter } from '../netlink/writer.ts'
import { HOOKNUM } from './batch.ts'
import { NFTA_EXPR, NFTA_LOOKUP } from './constants.ts'
import type { ReadChain, ReadElement, ReadRule, ReadSet } from './decode.ts'
import { setShape } from './set-encode.ts'
import { type AnonymousSet, anonymousSet, encodeStatement } from './statement-netlink.ts'
import { numberBytes } from './statement-text.ts'
import { type Chain, type NftSet, type Rule, type TableFamily } from './types.ts'
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
  if ((ours.comment ?? '') !== kernel.comment) return undefined
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

/** Expressions in order; the kernel may say more about each than we do, such as flags that are 0. */
function containsList(ours: Buffer, kernel: Buffer, anonymous: (name: string) => boolean): boolean {
  const a = [...attributes(ours, 0, ours.length)]
  const b = [...attributes(kernel, 0, kernel.length)]
  if (a.length !== b.length) return false
  return a.every((expression, index) => {
    const other = b[index]
    if (other === undefined) return false
    const mine = ours.subarray(expression.start, expression.end)
    const theirs = kernel.subarray(other.start, other.end)
    return anonymousLookup(mine, theirs, anonymous) ?? contains(mine, theirs)
  })
}

/** Compares a look-up in an anonymous set, whose name the kernel chose; undefined for any other expression. */
function anonymousLookup(ours: Buffer, kernel: Buffer, accept: (name: string) => boolean): boolean | undefined {
  const mine = lookupSet(ours)
  if (mine !== ANONYMOUS) return undefined
  const theirs = lookupSet(kernel)
  return theirs !== undefined && accept(theirs)
}

function lookupSet(expression: Buffer): string | undefined {
  const parts = attributeMap(expression, 0, expression.length)
  const name = parts.get(NFTA_EXPR.NAME)
  const data = parts.get(NFTA_EXPR.DATA)
  if (name === undefined || data === undefined || readString(expression, name) !== 'lookup') return undefined
  const set = attributeMap(expression, data.start, data.end).get(NFTA_LOOKUP.SET)
  return set && readString(expression, set)
}

/** True when every attribute of ours is in the kernel's, with the same value. */
function contains(ours: Buffer, kernel: Buffer): boolean {
  const theirs = attributeMap(kernel, 0, kernel.length)
  for (const attribute of attributes(ours, 0, ours.length)) {
    const other = theirs.get(attribute.type)
    if (other === undefined) return false
    const mine = ours.subarray(attribute.start, attribute.end)
    const found = kernel.subarray(other.start, other.end)
    const isNested = (ours.readUInt16LE(attribute.start - 2) & NLA_F_NESTED) !== 0
    if (isNested ? !contains(mine, found) : !mine.equals(found)) return false
  }
  return true
}
