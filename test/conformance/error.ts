/** What went wrong before or around the cases; the runner ends with 2. */
export type SuiteErrorCode =
  | 'USAGE' // the arguments make no sense
  | 'FORMAT' // a case file is not what its format says; the message has file and field

/** An error that says that the suite cannot be run as asked, and not that a case failed. */
export class SuiteError extends Error {
  override readonly name = 'SuiteError'
  readonly code: SuiteErrorCode

  constructor(code: SuiteErrorCode, message: string, cause?: unknown) {
    super(message, { cause })
    this.code = code
  }
}
