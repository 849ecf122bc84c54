import { fileURLToPath } from 'node:url'
import { loadSync } from '@grpc/proto-loader'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decode } from './decode.ts'
import { encode } from './encode.ts'
import { isWireError } from './error.ts'
import type { Field, Message } from './message.ts'
import * as messages from './messages.ts'
import { deleteOp, RESET_OP, readOp, SYNC_OP, setOp } from './op.ts'
import { SET } from './sets.ts'

const PROTO = fileURLToPath(new URL('../../../proto/', import.meta.url))
const definitions = loadSync('globalv1/api.proto', { includeDirs: [PROTO], keepCase: true }) as Record<string, unknown>

/** google.protobuf.FieldDescriptorProto, as far as it is compared. */
interface FieldDescriptor {
  readonly name: string
  readonly number: number
  readonly type: string
  readonly label: string
  readonly typeName: string
}

function fieldsOf(typeName: string): readonly FieldDescriptor[] {
  const definition = definitions[typeName] as { type: { field: FieldDescriptor[] } } | undefined
  if (definition === undefined) throw new Error(`proto/ has no ${typeName}`)
  return definition.type.field
}

/** What a table must say of a field of `proto/`. */
function kindOf(field: FieldDescriptor): Field['is'] {
  // The loader does not tell maps from lists.
  if (field.name === 'Labels' || field.name === 'Annotations') return 'map'
  if (field.label === 'LABEL_REPEATED') return 'list'
  const kinds: Readonly<Record<string, Field['is']>> = {
    TYPE_STRING: 'text',
    TYPE_BYTES: 'bytes',
    TYPE_BOOL: 'flag',
    TYPE_INT32: 'int32',
    TYPE_ENUM: 'int32',
    TYPE_INT64: 'int64',
    TYPE_UINT64: 'hash',
    TYPE_MESSAGE: 'message',
  }
  const kind = kinds[field.type]
  if (kind === undefined) throw new Error(`${field.name} is ${field.type}`)
  return kind
}

const TABLES: readonly (readonly [string, Message])[] = [
  ['localv1.WatchReq', messages.WATCH_REQ],
  ['localv1.OpItem', messages.OP_ITEM],
  ['localv1.Service', messages.SERVICE],
  ['localv1.Endpoint', messages.ENDPOINT],
  ['localv1.IPRanges', messages.IP_RANGES],
  ['globalv1.GlobalWatchReq', messages.GLOBAL_WATCH_REQ],
  ['globalv1.ServiceInfo', messages.SERVICE_INFO],
  ['globalv1.EndpointInfo', messages.ENDPOINT_INFO],
  ['globalv1.NodeInfo', messages.NODE_INFO],
  ['globalv1.ServiceCIDRInfo', messages.SERVICE_CIDR_INFO],
]

/** Compares a table and those in it. */
function compare(typeName: string, table: Message): void {
  const fields = fieldsOf(typeName)
  const scope = typeName.slice(0, typeName.indexOf('.'))
  expect(Object.keys(table).sort(), typeName).toEqual(fields.map(({ name }) => name.toLowerCase()).sort())
  for (const field of fields) {
    const entry = table[field.name.toLowerCase()]
    expect(entry, `${typeName}.${field.name}`).toMatchObject({ id: field.number, is: kindOf(field) })
    if (entry?.of === undefined) continue
    const name = field.typeName.replace(/^\./, '')
    compare(name.includes('.') ? name : `${scope}.${name}`, entry.of)
  }
}

describe('the tables of messages', () => {
  it.each(TABLES)('%s is as in proto/', (typeName, table) => compare(typeName, table))

  it('know the sets of proto/', () => {
    const { type } = definitions['localv1.Set'] as { type: { value: { name: string; number: number }[] } }
    expect(type.value.map(({ number }) => number).filter((number) => number > 0)).toEqual(Object.values(SET))
  })

  it('give additions numbers from 100 on, so that KPNG never meets one of its own with another meaning', () => {
    const kpng = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]
    const additions = Object.values(messages.SERVICE).map(({ id }) => id)
    expect(additions.filter((id) => !kpng.includes(id))).toEqual([100])
  })
})

/** Contents of a message, such as its table allows. */
function contentsOf(table: Message): fc.Arbitrary<Record<string, unknown>> {
  const values = Object.fromEntries(
    Object.entries(table).flatMap(([name, field]) => (field.under === undefined ? [[name, valueOf(field)]] : [])),
  )
  return fc.record(values, { requiredKeys: [] })
}

function valueOf(field: Field): fc.Arbitrary<unknown> {
  const text = fc.string({ unit: 'grapheme' })
  switch (field.is) {
    case 'text':
      return text.filter((value) => value !== '')
    case 'bytes':
      return fc.uint8Array()
    case 'flag':
      return fc.constant(true)
    case 'int32':
      return fc.integer().filter((value) => value !== 0)
    case 'int64':
      return fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER })
    case 'hash':
      return fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
    case 'message':
      return contentsOf(field.of ?? {})
    case 'list':
      return fc.array<unknown>(field.of === undefined ? text : contentsOf(field.of), { minLength: 1, maxLength: 4 })
    case 'map':
      return fc.dictionary(fc.stringMatching(/^[a-z./]{1,9}$/), text, { minKeys: 1, maxKeys: 4, noNullPrototype: true })
  }
}

describe('encode and decode', () => {
  it.each(TABLES)('give %s back as it was', (_, table) => {
    fc.assert(
      fc.property(contentsOf(table), (contents) => {
        expect(decode(table, encode(table, contents))).toEqual(contents)
      }),
    )
  })

  it('make equal bytes of equal contents, in whatever order their keys are', () => {
    const a = encode(messages.SERVICE, { labels: { b: '1', a: '2' }, name: 'x' })
    const b = encode(messages.SERVICE, { name: 'x', labels: { a: '2', b: '1' } })
    expect(Buffer.compare(a, b)).toBe(0)
  })

  it('skip what they do not know', () => {
    const unknown = Buffer.from([0xfa, 0x07, 2, 1, 2])
    const bytes = Buffer.concat([encode(messages.SERVICE, { name: 'web' }), unknown])
    expect(decode(messages.SERVICE, bytes)).toEqual({ name: 'web' })
  })

  it('fail on garbage with one error, whatever it is', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.constantFrom(...TABLES), (bytes, [, table]) => {
        try {
          decode(table, bytes)
        } catch (error) {
          if (!isWireError(error, 'WIRE_MALFORMED')) throw error
        }
      }),
    )
  })

  it('fail on a message that is cut off', () => {
    const bytes = encode(messages.SERVICE, { name: 'web', ips: { clusterips: { v4: ['10.0.0.1'] } } })
    for (let length = 1; length < bytes.length; length++) {
      const cut = bytes.subarray(0, length)
      // Between two fields it is a shorter message.
      if (length === 5) continue
      expect(() => decode(messages.SERVICE, cut), String(length)).toThrow(/bytes that are no message/)
    }
  })
})

describe('operations', () => {
  it("are KPNG's bytes", () => {
    expect(Buffer.from(SYNC_OP).toString('hex')).toBe('0a00')
    expect(Buffer.from(RESET_OP).toString('hex')).toBe('2200')
  })

  it('are read back', () => {
    const bytes = Uint8Array.from([1, 2, 3])
    expect(readOp(setOp(SET.services, 'a/b', bytes))).toEqual({ kind: 'set', set: 1, path: 'a/b', bytes })
    expect(readOp(deleteOp(SET.endpoints, 'a/b/c'))).toEqual({ kind: 'delete', set: 2, path: 'a/b/c' })
    expect(readOp(SYNC_OP)).toEqual({ kind: 'sync' })
    expect(readOp(RESET_OP)).toEqual({ kind: 'reset' })
    expect(() => readOp(new Uint8Array())).toThrow(/without an operation/)
  })
})
