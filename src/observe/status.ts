/** What `sluice status` tells. */
export interface Status {
  readonly instance: string
  readonly version: string
  readonly pid: number
  /** `loading` until the first state is in the kernel; `failing` while the last attempt to program it failed. */
  readonly state: 'loading' | 'serving' | 'failing'
  readonly plane: string
  readonly nodeName: string
  /** ISO 8601. */
  readonly startedAt: string
  /** Revision of the cluster state. */
  readonly revision: number
  /** Revision that the kernel serves. */
  readonly servedRevision: number
  /** When the kernel was last brought in line, ISO 8601; empty before the first time. */
  readonly lastSync: string
  /** Empty when the last attempt succeeded. */
  readonly lastError: string
  readonly counts: {
    readonly services: number
    readonly endpointSlices: number
    readonly nodes: number
    readonly virtualServers: number
    readonly endpoints: number
    readonly transactions: number
    readonly driftRepaired: number
    /** Connection-tracking entries of UDP flows to endpoints that were gone. */
    readonly staleFlowsDeleted: number
    /** Clients of the API; absent where none is served. */
    readonly streams?: number
  }
  /** Addresses on which node ports are served. */
  readonly nodeAddresses: readonly string[]
  /** Objects that are skipped or used in part, and destinations that are not served, each with its reason. */
  readonly problems: readonly StatusProblem[]
}

export interface StatusProblem {
  readonly severity: 'error' | 'warning'
  readonly object: string
  /** Empty when the whole object is meant. */
  readonly field: string
  readonly message: string
  /** What only some problems are told by: a destination that another Service has, or an entry of the other IP family. */
  readonly kind?: 'conflict' | 'wrong-family'
  /** `FILE:LINE`; empty when it did not come from a file. */
  readonly origin: string
}

/** The status as a person reads it. */
export function statusText(status: Status): string {
  const { counts } = status
  const lines = [
    ['instance', `${status.instance} (pid ${status.pid}, sluice ${status.version}, since ${status.startedAt})`],
    ['state', status.lastError === '' ? status.state : `${status.state}: ${status.lastError}`],
    ['plane', `${status.plane} on node ${status.nodeName}`],
    ['revision', `${status.revision}, served ${status.servedRevision}`],
    ['last sync', status.lastSync === '' ? 'none yet' : status.lastSync],
    ['cluster', `${counts.services} Services, ${counts.endpointSlices} EndpointSlices, ${counts.nodes} Nodes`],
    ['kernel', `${counts.virtualServers} virtual servers, ${counts.endpoints} endpoints`],
    ['node ports', status.nodeAddresses.length === 0 ? 'no address' : status.nodeAddresses.join(', ')],
    ['writes', `${counts.transactions} transactions, drift repaired ${counts.driftRepaired} times`],
    ['stale UDP', `${counts.staleFlowsDeleted} flows deleted`],
    ...(counts.streams === undefined ? [] : [['streams', String(counts.streams)]]),
    ['problems', String(status.problems.length)],
  ]
  const text = lines.map(([name = '', value = '']) => `${name.padEnd(11)}${value}`)
  return [...text, ...status.problems.map((problem) => `  ${problemText(problem)}`), ''].join('\n')
}

/** One line: severity, object, field, message, origin; a problem of a whole file has no object. */
export function problemText({ severity, object, field, message, origin }: StatusProblem): string {
  if (object === '') return `${severity}: ${origin}: ${message}`
  const where = field === '' ? object : `${object} ${field}`
  return `${severity}: ${where}: ${message}${origin === '' ? '' : ` (${origin})`}`
}
