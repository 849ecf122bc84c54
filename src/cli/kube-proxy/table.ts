import { DETECT_LOCAL_MODES } from '../detect-local.ts'
import {
  ADDRESS,
  addressAndPort,
  BOOLEAN,
  CIDR_LIST,
  CIDRS_IN_TEXT,
  type ConfigValue,
  choice,
  DURATION,
  FEATURE_GATES,
  FILE,
  FLUSH_FREQUENCY,
  HOSTNAME,
  INTERFACE,
  integer,
  KERNEL_TIMEOUT,
  MINOR_VERSION,
  NODE_PORT_ADDRESSES,
  NUMBER,
  PERIOD,
  PORT_RANGE,
  QUANTITY,
  TEXT,
  URL_TEXT,
  type ValueType,
  VMODULE,
} from './value-types.ts'

/** What becomes of a setting: how it is applied, or the reason why it is not. Both for help, and the second for the log. */
export type Use = { readonly applied: string } | { readonly ignored: string }

/** The modes whose sections a configuration has; an empty mode means iptables, as for kube-proxy. */
export type Mode = 'iptables' | 'ipvs' | 'nftables'

const MODES: readonly Mode[] = ['iptables', 'ipvs', 'nftables']

/** Sections that are not read together, though their fields have one meaning. */
const IPTABLES: readonly Mode[] = ['iptables']
const IPVS: readonly Mode[] = ['ipvs']
const NFTABLES: readonly Mode[] = ['nftables']
const IPTABLES_AND_IPVS: readonly Mode[] = ['iptables', 'ipvs']

/** A field of v1alpha1. */
export interface Field<T extends ConfigValue = ConfigValue> {
  readonly type: ValueType<T>
  readonly default: T
  readonly use: Use
  /** The flag of the same meaning, without dashes; absent when kube-proxy has none. */
  readonly flag?: string
  /** The key of Sluice's option (see RawOptions) that it sets. */
  readonly option?: string
  /** How the option is called when it means something else than the value. */
  toOption?(value: T): string
  /** The modes in which it counts; all unless told. */
  readonly modes?: readonly Mode[]
  /** Go's zero value in a file means the default, too: kube-proxy cannot tell it from a field that is absent. */
  readonly zeroIsUnset?: boolean
  /** The flag counts even with a configuration file. */
  readonly merged?: boolean
}

/** A flag of kube-proxy that no field of the configuration has. */
export interface Flag {
  readonly type: ValueType<ConfigValue>
  readonly use: Use
  /** It counts even with a configuration file. */
  readonly merged?: boolean
}

/** Keeps the type of the value. */
function field<T extends ConfigValue>(type: ValueType<T>, fallback: T, rest: Omit<Field<T>, 'type' | 'default'>) {
  return { type, default: fallback, ...rest }
}

/** A field that is passed over; it says why. */
function ignored<T extends ConfigValue>(
  type: ValueType<T>,
  fallback: T,
  reason: string,
  rest: Omit<Field<T>, 'type' | 'default' | 'use'> = {},
) {
  return field(type, fallback, { use: { ignored: reason }, ...rest })
}

const BIT = integer({ min: 0, max: 31 })
const COUNT = integer({ min: 0 })
const NO_MARK = 'nftables needs no mark to masquerade'
const NO_IPVS = 'Sluice serves with nftables, not with IPVS'
const NO_WINDOWS = 'it is for Windows'
const NO_THROTTLE = 'Sluice lists and watches each kind of object once, which needs no throttle'
const OWN_ENCODING = 'Sluice asks the API server for JSON'
const UNBUFFERED = 'each line of the log is written at once'
const STDOUT = 'the log goes to standard output'
const unset = true

/** `syncPeriod` and `minSyncPeriod` of a mode's section. */
function periods(modes: readonly Mode[], flagOf: Mode) {
  return {
    syncPeriod: field(PERIOD, '30s', {
      use: { applied: '`--sync-period`' },
      flag: `${flagOf}-sync-period`,
      option: 'syncPeriod',
      modes,
      zeroIsUnset: unset,
    }),
    minSyncPeriod: field(DURATION, '1s', {
      use: { applied: '`--min-sync-period`' },
      flag: `${flagOf}-min-sync-period`,
      option: 'minSyncPeriod',
      modes,
      zeroIsUnset: unset,
    }),
  }
}

function masqueradeAll(modes: readonly Mode[]) {
  const use = { applied: '`--masquerade-all`' }
  return field(BOOLEAN, false, { use, flag: 'masquerade-all', option: 'masqueradeAll', modes })
}

function masqueradeBit(modes: readonly Mode[]) {
  return ignored(BIT, 14, NO_MARK, { flag: 'iptables-masquerade-bit', modes })
}

function conntrack<T extends ConfigValue>(type: ValueType<T>, fallback: T, name: string, option: string) {
  return field(type, fallback, { use: { applied: `\`--conntrack-${name}\`` }, flag: `conntrack-${name}`, option })
}

function outputRouting() {
  const reason = `${STDOUT}, and is not split`
  return { splitStream: ignored(BOOLEAN, false, reason), infoBufferSize: ignored(QUANTITY, '0', reason) }
}

/**
 * KubeProxyConfiguration of kubeproxy.config.k8s.io/v1alpha1: every field with its default, the flag of the same meaning, and
 * what becomes of it. Parsing, the mapping to Sluice's options, what is said of settings that do not apply, and
 * docs/reference/kube-proxy-configuration.md are made from it.
 */
export const FIELDS = {
  featureGates: ignored(FEATURE_GATES, {}, "the gates are those of kube-proxy's code", { flag: 'feature-gates' }),
  clientConnection: {
    kubeconfig: field(FILE, '', { use: { applied: '`--kubeconfig`' }, flag: 'kubeconfig', option: 'kubeconfig' }),
    acceptContentTypes: ignored(TEXT, '', OWN_ENCODING),
    contentType: ignored(TEXT, 'application/vnd.kubernetes.protobuf', OWN_ENCODING, {
      flag: 'kube-api-content-type',
      zeroIsUnset: unset,
    }),
    qps: ignored(NUMBER, 5, NO_THROTTLE, { flag: 'kube-api-qps', zeroIsUnset: unset }),
    burst: ignored(COUNT, 10, NO_THROTTLE, { flag: 'kube-api-burst', zeroIsUnset: unset }),
  },
  logging: {
    format: field(choice(['text', 'json'], 'format'), '', {
      use: { applied: '`--log-format`; when it is empty, text on a terminal and json elsewhere' },
      flag: 'logging-format',
      option: 'logFormat',
      merged: true,
    }),
    flushFrequency: ignored<string | number>(FLUSH_FREQUENCY, '5s', UNBUFFERED, {
      flag: 'log-flush-frequency',
      zeroIsUnset: unset,
      merged: true,
    }),
    verbosity: field(COUNT, 0, {
      use: { applied: '`--log-level`: debug from 4 on, and info below' },
      flag: 'v',
      option: 'logLevel',
      toOption: (verbosity) => (verbosity >= 4 ? 'debug' : 'info'),
      merged: true,
    }),
    vmodule: ignored(VMODULE, [], "the files are those of kube-proxy's code", { flag: 'vmodule', merged: true }),
    options: { text: outputRouting(), json: outputRouting() },
  },
  hostnameOverride: field(HOSTNAME, '', {
    use: { applied: '`--node-name`, which counts before it' },
    flag: 'hostname-override',
    option: 'nodeName',
    merged: true,
  }),
  bindAddress: field<string>(ADDRESS, '0.0.0.0', {
    use: {
      applied:
        "unless it is 0.0.0.0 or ::, the node's primary address of its family, before those of the Node object; nothing listens on it",
    },
    flag: 'bind-address',
    option: 'bindAddress',
    zeroIsUnset: unset,
  }),
  healthzBindAddress: field(addressAndPort(10256), '0.0.0.0:10256', {
    use: { applied: '`--healthz-bind-address`; when bindAddress is of IPv6, the default is [::]:10256' },
    flag: 'healthz-bind-address',
    option: 'healthzBindAddress',
    zeroIsUnset: unset,
  }),
  metricsBindAddress: field(addressAndPort(10249), '127.0.0.1:10249', {
    use: { applied: '`--metrics-bind-address`; when bindAddress is of IPv6, the default is [::1]:10249' },
    flag: 'metrics-bind-address',
    option: 'metricsBindAddress',
    zeroIsUnset: unset,
  }),
  bindAddressHardFail: field(BOOLEAN, false, {
    use: { applied: '`--bind-address-hard-fail`' },
    flag: 'bind-address-hard-fail',
    option: 'bindAddressHardFail',
  }),
  enableProfiling: ignored(BOOLEAN, false, "the profiles are those of Go's runtime", { flag: 'profiling' }),
  showHiddenMetricsForVersion: ignored(MINOR_VERSION, '', 'no metric is hidden', {
    flag: 'show-hidden-metrics-for-version',
  }),
  mode: field(choice(MODES, 'mode'), '', {
    use: {
      applied:
        'Sluice serves with nftables in any case; the mode names the section that counts, iptables when it is empty',
    },
    flag: 'proxy-mode',
  }),
  iptables: {
    masqueradeBit: masqueradeBit(IPTABLES_AND_IPVS),
    masqueradeAll: masqueradeAll(IPTABLES_AND_IPVS),
    localhostNodePorts: ignored(BOOLEAN, true, 'nftables never serves node ports on loopback addresses', {
      flag: 'iptables-localhost-nodeports',
      modes: IPTABLES,
    }),
    snatNodeInternalIP: ignored(BOOLEAN, false, 'the kernel chooses the address that is masqueraded with', {
      modes: IPTABLES,
    }),
    ...periods(IPTABLES, 'iptables'),
  },
  ipvs: {
    ...periods(IPVS, 'ipvs'),
    scheduler: ignored(TEXT, '', NO_IPVS, { flag: 'ipvs-scheduler' }),
    excludeCIDRs: ignored(CIDR_LIST, null, NO_IPVS, { flag: 'ipvs-exclude-cidrs' }),
    strictARP: ignored(BOOLEAN, false, 'Service addresses are on no interface, so that nothing answers ARP for them', {
      flag: 'ipvs-strict-arp',
    }),
    tcpTimeout: ignored(DURATION, '0s', NO_IPVS, { flag: 'ipvs-tcp-timeout' }),
    tcpFinTimeout: ignored(DURATION, '0s', NO_IPVS, { flag: 'ipvs-tcpfin-timeout' }),
    udpTimeout: ignored(DURATION, '0s', NO_IPVS, { flag: 'ipvs-udp-timeout' }),
  },
  nftables: {
    masqueradeBit: masqueradeBit(NFTABLES),
    masqueradeAll: masqueradeAll(NFTABLES),
    ...periods(NFTABLES, 'iptables'),
  },
  winkernel: {
    networkName: ignored(TEXT, '', NO_WINDOWS),
    sourceVip: ignored(TEXT, '', NO_WINDOWS),
    enableDSR: ignored(BOOLEAN, false, NO_WINDOWS),
    rootHnsEndpointName: ignored(TEXT, '', NO_WINDOWS),
    forwardHealthCheckVip: ignored(BOOLEAN, false, NO_WINDOWS),
  },
  detectLocalMode: field(choice(DETECT_LOCAL_MODES, 'mode'), 'ClusterCIDR', {
    use: { applied: '`--detect-local-mode`' },
    flag: 'detect-local-mode',
    option: 'detectLocalMode',
    zeroIsUnset: unset,
  }),
  detectLocal: {
    bridgeInterface: field(INTERFACE, '', {
      use: { applied: '`--pod-bridge-interface`' },
      flag: 'pod-bridge-interface',
      option: 'podBridgeInterface',
    }),
    interfaceNamePrefix: field(INTERFACE, '', {
      use: { applied: '`--pod-interface-name-prefix`' },
      flag: 'pod-interface-name-prefix',
      option: 'podInterfaceNamePrefix',
    }),
  },
  clusterCIDR: field(CIDRS_IN_TEXT, '', {
    use: { applied: '`--cluster-cidr`' },
    flag: 'cluster-cidr',
    option: 'clusterCidr',
  }),
  nodePortAddresses: field(NODE_PORT_ADDRESSES, null, {
    use: {
      applied:
        '`--nodeport-addresses`; when it is empty, all addresses for the modes iptables and ipvs, and primary for nftables',
    },
    flag: 'nodeport-addresses',
    option: 'nodeportAddresses',
  }),
  oomScoreAdj: field(integer({ min: -1000, max: 1000 }), -999, {
    use: { applied: 'written to /proc/self/oom_score_adj; without a configuration file only when the flag is given' },
    flag: 'oom-score-adj',
    option: 'oomScoreAdj',
  }),
  conntrack: {
    maxPerCore: conntrack(COUNT, 32768, 'max-per-core', 'conntrackMaxPerCore'),
    min: conntrack(COUNT, 131072, 'min', 'conntrackMin'),
    tcpEstablishedTimeout: conntrack(
      KERNEL_TIMEOUT,
      '24h0m0s',
      'tcp-timeout-established',
      'conntrackTcpTimeoutEstablished',
    ),
    tcpCloseWaitTimeout: conntrack(KERNEL_TIMEOUT, '1h0m0s', 'tcp-timeout-close-wait', 'conntrackTcpTimeoutCloseWait'),
    tcpBeLiberal: conntrack(BOOLEAN, false, 'tcp-be-liberal', 'conntrackTcpBeLiberal'),
    udpTimeout: conntrack(KERNEL_TIMEOUT, '0s', 'udp-timeout', 'conntrackUdpTimeout'),
    udpStreamTimeout: conntrack(KERNEL_TIMEOUT, '0s', 'udp-timeout-stream', 'conntrackUdpTimeoutStream'),
  },
  configSyncPeriod: ignored(
    PERIOD,
    '15m0s',
    'watches are not repeated by the clock; `--sync-period` compares the kernel',
    {
      flag: 'config-sync-period',
      zeroIsUnset: unset,
    },
  ),
  portRange: ignored(PORT_RANGE, '', 'kube-proxy does not use it either'),
  windowsRunAsService: ignored(BOOLEAN, false, NO_WINDOWS),
} as const satisfies Section

/** Fields by name, in sections within sections. */
export interface Section {
  readonly [name: string]: Field | Section
}

const PORT = integer({ min: 0, max: 65535 })
const legacyLog = (type: ValueType<ConfigValue>): Flag => ({ type, use: { ignored: STDOUT }, merged: true })

/** The flags of kube-proxy that are no field of the configuration; log flags of klog that old command lines still have are among them. */
export const FLAGS: { readonly [name: string]: Flag } = {
  config: {
    type: FILE,
    use: { applied: 'a KubeProxyConfiguration; Sluice ends when it changes' },
    merged: true,
  },
  'write-config-to': {
    type: FILE,
    use: { applied: 'writes the effective configuration to this file, and exits' },
    merged: true,
  },
  cleanup: {
    type: BOOLEAN,
    use: { applied: 'does what `sluice cleanup` and `sluice cleanup --kube-proxy` do, and exits' },
    merged: true,
  },
  'init-only': {
    type: BOOLEAN,
    use: { applied: 'changes the kernel settings of connection tracking, which needs root, and exits' },
    merged: true,
  },
  version: { type: BOOLEAN, use: { applied: 'prints the version, and exits' }, merged: true },
  master: { type: URL_TEXT, use: { applied: '`--server`, which counts before it' }, merged: true },
  'healthz-port': {
    type: PORT,
    use: { applied: '0: as an empty `--healthz-bind-address`; else its port, when that has none. Deprecated' },
  },
  'metrics-port': {
    type: PORT,
    use: { applied: '0: as an empty `--metrics-bind-address`; else its port, when that has none. Deprecated' },
  },
  logtostderr: legacyLog(BOOLEAN),
  alsologtostderr: legacyLog(BOOLEAN),
  'add-dir-header': legacyLog(BOOLEAN),
  'one-output': legacyLog(BOOLEAN),
  'skip-headers': legacyLog(BOOLEAN),
  'skip-log-headers': legacyLog(BOOLEAN),
  'log-backtrace-at': legacyLog(TEXT),
  'log-dir': legacyLog(TEXT),
  'log-file': legacyLog(TEXT),
  'log-file-max-size': legacyLog(TEXT),
  stderrthreshold: legacyLog(TEXT),
}
