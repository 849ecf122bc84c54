import { isGrpcError } from '../grpc/error.ts'
import { NetlinkError } from '../kernel/netlink/error.ts'
import { NftablesError } from '../kernel/nftables/error.ts'
import { ControlError } from '../observe/control-socket.ts'
import { ListenError } from '../observe/http-listener.ts'
import { SourceError } from '../sources/error.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'

/** A wrong flag, or a wrong value of one. The message names it and says what is accepted. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'UsageError'
  }
}

/** The exit code that tells what kind of failure this is. */
export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof UsageError) return EXIT.usage
  if (error instanceof SourceError) return EXIT.input
  if (error instanceof NetlinkError || error instanceof NftablesError) return EXIT.kernel
  if (error instanceof ControlError || error instanceof ListenError || isGrpcError(error, 'GRPC_LISTEN'))
    return EXIT.instance
  // A key or certificate that a flag names.
  if (isGrpcError(error, 'GRPC_TLS')) return EXIT.usage
  if (error instanceof AggregateError) return error.errors.length > 0 ? exitCodeOf(error.errors[0]) : EXIT.failure
  return EXIT.failure
}

/** The failure in one line, for a person. */
export function failureText(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const code = 'code' in error && typeof error.code === 'string' ? ` [${error.code}]` : ''
  return `${error.message}${code}`
}
