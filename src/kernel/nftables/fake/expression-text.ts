import { type Attribute, attributeMap, attributes, readString } from '../../netlink/attributes.ts'
import { NLA_F_NESTED } from '../../netlink/constants.ts'
import { NFTA_DATA, NFTA_DYNSET, NFTA_EXPR, NFTA_LOOKUP } from '../constants.ts'
import { readVerdict } from '../decode.ts'
import { formatVerdict } from '../verdict.ts'

/** Attributes that hold text, by expression. */
const TEXT: { readonly [expression: string]: number } = { lookup: NFTA_LOOKUP.SET, dynset: NFTA_DYNSET.SET_NAME }

/**
 * Expressions for the eye: `[name 1=00000001 2=@services]`, where a number is the attribute's (NFTA_LOOKUP_SREG ...), values
 * are in hex, `@` names a set, and a verdict is written as nft does.
 */
export function expressionsText(expressions: Buffer): string {
  return [...attributes(expressions, 0, expressions.length)].map((item) => expressionText(expressions, item)).join(' ')
}

function expressionText(buffer: Buffer, item: Attribute): string {
  const parts = attributeMap(buffer, item.start, item.end)
  const name = parts.get(NFTA_EXPR.NAME)
  const data = parts.get(NFTA_EXPR.DATA)
  const expression = name ? readString(buffer, name) : ''
  const values = data ? [...attributes(buffer, data.start, data.end)] : []
  return `[${[expression, ...values.map((value) => `${value.type}=${valueText(buffer, expression, value)}`)].join(' ')}]`
}

function valueText(buffer: Buffer, expression: string, value: Attribute): string {
  if (TEXT[expression] === value.type) return `@${readString(buffer, value)}`
  const isNested = (buffer.readUInt16LE(value.start - 2) & NLA_F_NESTED) !== 0
  if (!isNested) return buffer.toString('hex', value.start, value.end)
  const parts = attributeMap(buffer, value.start, value.end)
  const verdict = parts.get(NFTA_DATA.VERDICT)
  if (verdict !== undefined) return formatVerdict(readVerdict(buffer, verdict))
  const plain = parts.get(NFTA_DATA.VALUE)
  return plain === undefined ? '?' : buffer.toString('hex', plain.start, plain.end)
}
