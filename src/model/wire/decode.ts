import { BinaryReader, WireType } from '@bufbuild/protobuf/wire'
import { WireError } from './error.ts'
import type { Contents, Field, Message } from './message.ts'

type Mutable = Record<string, unknown>

/**
 * The contents of untrusted bytes, as far as the message has fields for them; the rest is skipped, so that a newer peer is
 * understood. An absent field is absent here, too. That values make sense, the parser of the object sees to.
 *
 * @throws WireError when the bytes are no message
 */
export function decode(message: Message, bytes: Uint8Array): Contents {
  try {
    return readMessage(new BinaryReader(bytes), bytes.length, message)
  } catch (error) {
    throw new WireError('WIRE_MALFORMED', `bytes that are no message: ${(error as Error).message}`, error)
  }
}

function readMessage(reader: BinaryReader, end: number, message: Message): Mutable {
  const fields = byId(message)
  const contents: Mutable = {}
  while (reader.pos < end) {
    const [id, type] = reader.tag()
    const known = fields.get(id)
    if (known === undefined || WIRE_TYPE[known.field.is] !== type) reader.skip(type, id)
    else readField(reader, known, contents)
  }
  if (reader.pos > end) throw new RangeError('a message is longer than it says')
  return contents
}

function readField(reader: BinaryReader, { name, field }: Known, contents: Mutable): void {
  const { of, under } = field
  const holder = under === undefined ? contents : ((contents[under] ??= {}) as Mutable)
  switch (field.is) {
    case 'text':
      holder[name] = reader.string()
      return
    case 'bytes':
      holder[name] = reader.bytes()
      return
    case 'flag':
      holder[name] = reader.bool()
      return
    case 'int32':
      holder[name] = reader.int32()
      return
    case 'int64':
      holder[name] = Number(reader.int64())
      return
    case 'hash':
      holder[name] = BigInt(reader.uint64())
      return
    case 'message':
      holder[name] = readNested(reader, of ?? {})
      return
    case 'list':
      ;((holder[name] ??= []) as unknown[]).push(of === undefined ? reader.string() : readNested(reader, of))
      return
    case 'map': {
      const { key = '', value = '' } = readNested(reader, MAP_ENTRY) as { key?: string; value?: string }
      ;((holder[name] ??= {}) as Mutable)[key] = value
    }
  }
}

function readNested(reader: BinaryReader, message: Message): Mutable {
  const length = reader.uint32()
  const end = reader.pos + length
  if (end > reader.len) throw new RangeError('a message is longer than what it is in')
  return readMessage(reader, end, message)
}

const MAP_ENTRY: Message = { key: { id: 1, is: 'text' }, value: { id: 2, is: 'text' } }

const WIRE_TYPE: Readonly<Record<Field['is'], WireType>> = {
  text: WireType.LengthDelimited,
  bytes: WireType.LengthDelimited,
  flag: WireType.Varint,
  int32: WireType.Varint,
  int64: WireType.Varint,
  hash: WireType.Varint,
  message: WireType.LengthDelimited,
  list: WireType.LengthDelimited,
  map: WireType.LengthDelimited,
}

interface Known {
  readonly name: string
  readonly field: Field
}

const BY_ID = new WeakMap<Message, ReadonlyMap<number, Known>>()

function byId(message: Message): ReadonlyMap<number, Known> {
  let fields = BY_ID.get(message)
  if (fields === undefined) {
    fields = new Map(Object.entries(message).map(([name, field]) => [field.id, { name, field }]))
    BY_ID.set(message, fields)
  }
  return fields
}
