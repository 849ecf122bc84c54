/**
 * What can be wrong with a gRPC peer, or with reaching one.
 *
 * - `GRPC_ADDRESS`: an address is not one of the forms that are accepted.
 * - `GRPC_TLS`: a key or certificate cannot be read or used.
 * - `GRPC_LISTEN`: an address cannot be listened on.
 * - `GRPC_UNREACHABLE`: the peer cannot be reached, went away, or fell silent.
 * - `GRPC_REFUSED`: the peer ended the call with a status.
 * - `GRPC_PROTOCOL`: the peer does not speak gRPC, or not as agreed.
 * - `GRPC_TOO_LARGE`: a message is larger than is taken.
 */
export type GrpcErrorCode =
  | 'GRPC_ADDRESS'
  | 'GRPC_TLS'
  | 'GRPC_LISTEN'
  | 'GRPC_UNREACHABLE'
  | 'GRPC_REFUSED'
  | 'GRPC_PROTOCOL'
  | 'GRPC_TOO_LARGE'

/** The one error of the gRPC door. */
export class GrpcError extends Error {
  override readonly name = 'GrpcError'
  readonly code: GrpcErrorCode

  constructor(code: GrpcErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
  }
}

/** True for a GrpcError, with this code when one is given. */
export function isGrpcError(error: unknown, code?: GrpcErrorCode): error is GrpcError {
  return error instanceof GrpcError && (code === undefined || error.code === code)
}
