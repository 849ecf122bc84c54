/** What the operator wants of connection tracking, as kube-proxy has it (promise 79). 0 or false leaves a setting alone. */
export interface ConntrackOptions {
  /** Entries for each CPU; with 0 the size of the table is left alone. */
  readonly maxPerCore: number
  /** Entries at least. */
  readonly min: number
  readonly tcpBeLiberal: boolean
  /** Timeouts are whole seconds. */
  readonly tcpEstablishedSeconds: number
  readonly tcpCloseWaitSeconds: number
  readonly udpSeconds: number
  readonly udpStreamSeconds: number
}

/** A value that a setting should have. */
export interface WantedSetting {
  /** Its file. */
  readonly file: string
  readonly value: number
  /** A larger value that is there already is left alone. */
  readonly mayBeLarger: boolean
}

const HASH_SIZE = '/sys/module/nf_conntrack/parameters/hashsize'
/** Entries to a bucket of the hash table. */
const ENTRIES_A_BUCKET = 4
/** kube-proxy lets a machine with many CPUs not go beyond it, since the table's memory is never given back. */
const MOST_BY_CPUS = 1 << 20

/** The values to be set, in this order. A larger `nf_conntrack_max` that is there is lowered, as kube-proxy does. */
export function wantedSettings(options: ConntrackOptions, cpus: number): WantedSetting[] {
  const max = options.maxPerCore === 0 ? 0 : Math.max(Math.min(options.maxPerCore * cpus, MOST_BY_CPUS), options.min)
  const settings = [
    sysctl('max', max),
    { file: HASH_SIZE, value: Math.floor(max / ENTRIES_A_BUCKET), mayBeLarger: true },
    sysctl('tcp_timeout_established', options.tcpEstablishedSeconds),
    sysctl('tcp_timeout_close_wait', options.tcpCloseWaitSeconds),
    sysctl('tcp_be_liberal', options.tcpBeLiberal ? 1 : 0),
    sysctl('udp_timeout', options.udpSeconds),
    sysctl('udp_timeout_stream', options.udpStreamSeconds),
  ]
  return settings.filter(({ value }) => value > 0)
}

function sysctl(name: string, value: number): WantedSetting {
  return { file: `/proc/sys/net/netfilter/nf_conntrack_${name}`, value, mayBeLarger: false }
}
