import { formatClassid } from './datatype.ts'
import type { Field } from './field.ts'
import type { Statement } from './statement.ts'
import { formatVerdict } from './verdict.ts'

/** Names that nft gives to conntrack's bits (linux/netfilter/nf_conntrack_common.h). */
const BIT_NAMES: { readonly [field: string]: { readonly [bits: number]: string } } = {
  'ct state': { 0x1: 'invalid', 0x8: 'new' },
  'ct status': { 0x20: 'dnat' },
}

/** The statement as nft writes it. */
export function statementText(statement: Statement): string {
  switch (statement.do) {
    case 'match':
      return `${statement.field.text} ${statement.not ? '!= ' : ''}${formatNumber(statement.field, statement.value)}`
    case 'match-bits': {
      const name = BIT_NAMES[statement.field.text]?.[statement.bits] ?? String(statement.bits)
      return `${statement.field.text} ${statement.not ? '! ' : ''}${name}`
    }
    case 'match-interface': {
      const { name, prefix, not } = statement
      return `iifname ${not ? '!= ' : ''}"${name}${prefix ? '*' : ''}"`
    }
    case 'lookup':
      return `${keyText(statement.key)} ${statement.not ? '!= ' : ''}@${statement.set}`
    case 'one-of':
      return `${statement.field.text} { ${statement.values.map((v) => formatNumber(statement.field, v)).join(', ')} }`
    case 'vmap':
      return `${masked(statement.field, statement.mask)} vmap @${statement.map}`
    case 'vmap-anonymous': {
      const entries = statement.entries.map(
        (e) => `${formatNumber(statement.field, e.value)} : ${formatVerdict(e.verdict)}`,
      )
      return `${statement.field.text} vmap { ${entries.join(', ')} }`
    }
    case 'set-priority-none':
      return 'meta priority set none'
    case 'mask-priority':
      return `meta priority set meta priority & ${formatClassid(statement.mask)}`
    case 'set-priority-map':
      return `meta priority set ${keyText(statement.key)} map @${statement.map}`
    case 'remap-priority':
      return `meta priority set meta priority & ${formatClassid(statement.mask)} map @${statement.map}`
    case 'dnat-map':
      return `dnat to ${keyText(statement.key)} map @${statement.map}`
    case 'update': {
      const { map, key, data, timeoutSeconds } = statement
      return `update @${map} { ${keyText(key)} timeout ${timeoutSeconds}s : ${keyText(data)} }`
    }
    case 'masquerade':
      return 'masquerade fully-random'
    case 'reject':
      return 'reject'
    case 'verdict':
      return formatVerdict(statement.verdict)
  }
}

function keyText(key: readonly Field[]): string {
  return key.map((field) => field.text).join(' . ')
}

function masked(field: Field, mask: number | undefined): string {
  return mask === undefined ? field.text : `${field.text} & ${formatClassid(mask)}`
}

function formatNumber(field: Field, value: number): string {
  return field.type.format(numberBytes(field, value))
}

/** A number as the field's datatype has it in a register. */
export function numberBytes(field: Field, value: number): Buffer {
  const bytes = Buffer.alloc(field.type.bytes)
  if (field.type.order === 'host') bytes.writeUIntLE(value >>> 0, 0, field.type.bytes)
  else bytes.writeUIntBE(value >>> 0, 0, field.type.bytes)
  return bytes
}
