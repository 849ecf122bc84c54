/** What `sluice` exits with; docs/reference/exit-codes.md says the same, and a test compares them. */
export const EXIT = {
  /** Done; after SIGTERM or SIGINT, too. */
  ok: 0,
  /** A failure that none of the others names. */
  failure: 1,
  /** A flag or its value is wrong. */
  usage: 2,
  /** An input cannot be read. */
  input: 3,
  /** The kernel cannot be programmed: no root, no nf_tables, or it refused. */
  kernel: 4,
  /** The instance is running already or cannot listen, or `status` found none that runs. */
  instance: 5,
  /** With --once: the rest is programmed, but some objects were skipped. `cleanup --kube-proxy`: something was left. */
  skipped: 6,
  /** The file of --config changed or is gone; the rules stay. Not 0, so that a supervisor that restarts on failure does, as after kube-proxy. */
  reconfigured: 7,
} as const

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]
