/** What went wrong in the lab, for callers that decide by kind and not by text. */
export type LabErrorCode =
  | 'UNSUPPORTED' // this machine or user cannot have network namespaces; the message says what to do
  | 'COMMAND_FAILED' // a command ended with a code other than 0, or could not be started
  | 'COMMAND_TIMEOUT'
  | 'SYSCALL' // a system call of ours failed; `errno` names the reason
  | 'AGENT' // a server or client in a namespace failed; `errno` names the reason where there is one
  | 'CLOSED' // the namespace, server or connection is closed
  | 'USAGE' // the lab was asked for something that makes no sense
  | 'TIMEOUT' // a condition did not come true in time

/** What a LabError carries besides its message. */
export interface LabErrorDetails {
  /** Symbolic error of the operating system, e.g. `EADDRINUSE`. */
  errno?: string | undefined
  stderr?: string
  cause?: unknown
}

/** Every error the lab throws on purpose. */
export class LabError extends Error {
  override readonly name = 'LabError'
  readonly code: LabErrorCode
  readonly errno: string | undefined
  readonly stderr: string | undefined

  constructor(code: LabErrorCode, message: string, details: LabErrorDetails = {}) {
    super(message, { cause: details.cause })
    this.code = code
    this.errno = details.errno
    this.stderr = details.stderr
  }
}
