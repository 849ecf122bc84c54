/**
 * - `SYSCTL_ABSENT`: the kernel has no such setting, or not in this network namespace.
 * - `SYSCTL_READ`: a setting cannot be read.
 * - `SYSCTL_WRITE`: a setting cannot be changed: `/proc/sys` or `/sys` is mounted read-only, it belongs to another network
 *   namespace, or the kernel refuses the value.
 */
export type SysctlErrorCode = 'SYSCTL_ABSENT' | 'SYSCTL_READ' | 'SYSCTL_WRITE'

/** A kernel setting that cannot be read or changed. */
export class SysctlError extends Error {
  readonly code: SysctlErrorCode
  /** Symbolic errno, for example `EROFS`; empty when the content is no number. */
  readonly errno: string

  constructor(code: SysctlErrorCode, message: string, options: { errno?: string; cause?: unknown } = {}) {
    super(message, { cause: options.cause })
    this.name = 'SysctlError'
    this.code = code
    this.errno = options.errno ?? ''
  }
}
