/** What became of kube-proxy's leftovers, in sentences for a person. */
export interface CleanupReport {
  /** What was deleted; empty when there was nothing. */
  readonly removed: string[]
  /** What is still there, why, and what to do; empty when all is gone. */
  readonly left: string[]
}

/** A step that fails leaves the others running, and is reported. */
export async function attempt(report: CleanupReport, what: string, step: () => Promise<void> | void): Promise<void> {
  try {
    await step()
  } catch (error) {
    report.left.push(`${what}: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** `3 chains`, `1 rule`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
