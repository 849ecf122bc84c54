/**
 * What can be wrong with a file that is written.
 *
 * - `OUTPUT_UNWRITABLE`: the file cannot be written, for example for want of permission or space, or is none.
 */
export type OutputErrorCode = 'OUTPUT_UNWRITABLE'

/** The one error of the file sink. */
export class OutputError extends Error {
  override readonly name = 'OutputError'
  readonly code: OutputErrorCode = 'OUTPUT_UNWRITABLE'

  constructor(file: string, cause: unknown) {
    super(`${file} cannot be written: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  }
}
