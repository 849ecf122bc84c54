/**
 * What the bytes of a peer can be wrong in.
 *
 * - `WIRE_MALFORMED`: they are no message of the API.
 * - `WIRE_OUT_OF_ORDER`: they are, but not one that may come now, such as the deletion of what is not there.
 */
export type WireErrorCode = 'WIRE_MALFORMED' | 'WIRE_OUT_OF_ORDER'

/** The one error of the wire codec: a peer does not speak the API; its stream is to end. */
export class WireError extends Error {
  override readonly name = 'WireError'
  readonly code: WireErrorCode

  constructor(code: WireErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
  }
}

export function isWireError(error: unknown, code?: WireErrorCode): error is WireError {
  return error instanceof WireError && (code === undefined || error.code === code)
}
