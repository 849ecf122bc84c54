/** google.rpc.Code, as far as it is used here. */
export const GRPC_STATUS = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  resourceExhausted: 8,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
} as const

export type GrpcStatus = (typeof GRPC_STATUS)[keyof typeof GRPC_STATUS]

export const GRPC_CONTENT_TYPE = 'application/grpc'

/** `grpc-message` is percent-encoded (PROTOCOL-HTTP2, Percent-Encoded). */
export function encodeStatusMessage(text: string): string {
  return text.replace(/[^ -$&-~]/gu, (character) => encodeURIComponent(character))
}

/** The reverse; what is not encoded well stays as it is. */
export function decodeStatusMessage(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
