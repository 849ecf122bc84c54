import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import type { Contents, Field, Message } from './message.ts'

/**
 * A message's bytes: fields and map keys in ascending order, so that equal contents are equal bytes, and their hash says whether
 * they are. What a message has no field for is left out.
 */
export function encode(message: Message, contents: Contents): Uint8Array {
  const writer = new BinaryWriter()
  writeMessage(writer, message, contents)
  return writer.finish()
}

function writeMessage(writer: BinaryWriter, message: Message, contents: Contents): void {
  for (const [name, field] of inOrder(message)) {
    const holder = field.under === undefined ? contents : (contents[field.under] as Contents | undefined)
    const value = holder?.[name]
    if (value !== undefined) writeField(writer, field, value)
  }
}

/** Zero, false and empty are what an absent field means. */
function writeField(writer: BinaryWriter, field: Field, value: unknown): void {
  const { id } = field
  switch (field.is) {
    case 'text':
      if (value !== '') writer.tag(id, WireType.LengthDelimited).string(value as string)
      return
    case 'bytes':
      writer.tag(id, WireType.LengthDelimited).bytes(value as Uint8Array)
      return
    case 'flag':
      if (value === true || field.isOptional === true) writer.tag(id, WireType.Varint).bool(value as boolean)
      return
    case 'int32':
      if (value !== 0) writer.tag(id, WireType.Varint).int32(value as number)
      return
    case 'int64':
      if (value !== 0) writer.tag(id, WireType.Varint).int64(value as number)
      return
    case 'hash':
      writer.tag(id, WireType.Varint).uint64(value as bigint)
      return
    case 'message':
      writeNested(writer, id, field.of ?? {}, value as Contents)
      return
    case 'list':
      for (const entry of value as readonly unknown[]) {
        if (field.of === undefined) writer.tag(id, WireType.LengthDelimited).string(entry as string)
        else writeNested(writer, id, field.of, entry as Contents)
      }
      return
    case 'map':
      writeMap(writer, id, value as Readonly<Record<string, string>>)
  }
}

function writeNested(writer: BinaryWriter, id: number, message: Message, contents: Contents): void {
  writer.tag(id, WireType.LengthDelimited).fork()
  writeMessage(writer, message, contents)
  writer.join()
}

/** An entry always has both of its fields, as Go writes them. */
function writeMap(writer: BinaryWriter, id: number, map: Readonly<Record<string, string>>): void {
  for (const key of Object.keys(map).sort()) {
    writer.tag(id, WireType.LengthDelimited).fork()
    writer.tag(1, WireType.LengthDelimited).string(key)
    writer.tag(2, WireType.LengthDelimited).string(map[key] ?? '')
    writer.join()
  }
}

const ORDERED = new WeakMap<Message, readonly (readonly [string, Field])[]>()

function inOrder(message: Message): readonly (readonly [string, Field])[] {
  let fields = ORDERED.get(message)
  if (fields === undefined) {
    fields = Object.entries(message).sort(([, a], [, b]) => a.id - b.id)
    ORDERED.set(message, fields)
  }
  return fields
}
