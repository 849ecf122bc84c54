/** A field of a message: its number, and what it holds. */
export interface Field {
  readonly id: number
  /** `list` and `map` are of text where `of` is absent. */
  readonly is: 'text' | 'bytes' | 'flag' | 'int32' | 'int64' | 'hash' | 'message' | 'list' | 'map'
  /** The message that it holds, or that the list is of. */
  readonly of?: Message
  /** It stands in a mapping of this name, as a oneof's member does in KPNG's files. */
  readonly under?: string
  /** False is written, too, since absent means something else. */
  readonly isOptional?: boolean
}

/**
 * A message of the API, as data: its fields by their names, in small letters as KPNG's files have them, so that what comes by
 * wire and by file is read by the same parser. A test compares the tables with `proto/`.
 */
export interface Message {
  readonly [name: string]: Field
}

/** A message's contents, as far as they are given. */
export type Contents = Readonly<Record<string, unknown>>
