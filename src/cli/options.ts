import { Option } from 'commander'
import { DEFAULT_NODE_LABELS } from '../model/parse/kept-keys.ts'
import { LOG_LEVELS, type LogFormat, type LogLevel } from '../observe/log.ts'
import { STATE_FORMATS } from '../sinks/file/state-text.ts'
import { DETECT_LOCAL_MODES, type DetectLocalMode } from './detect-local.ts'
import { UsageError } from './failure.ts'
import { kubeProxyOptions, toggle } from './kube-proxy/options.ts'

/** Options of a group, as data: commander reads them, `--help` prints them, and the reference page is made from them. */
export type OptionGroup =
  | 'file'
  | 'kube'
  | 'node-name'
  | 'proxy-name'
  | 'node'
  | 'sync'
  | 'nft'
  | 'conntrack'
  | 'health'
  | 'api'
  | 'listen'
  | 'output'
  | 'once'
  | 'ip'
  | 'healthz'
  | 'instance'
  | 'api-instance'
  | 'file-instance'
  | 'healthchecks-instance'
  | 'log'
  | 'kube-proxy'
  | 'status'
  | 'cleanup'

/** As for pflag, an empty text is no entry. */
const list = (flag: string) => (value: string, previous: string[] | undefined) => {
  if (value === '') return previous
  const values = value.split(',').map((part) => part.trim())
  if (values.some((part) => part === '')) throw new UsageError(`${flag}: an entry of "${value}" is empty`)
  return [...(previous ?? []), ...values]
}

const nodeName = () => new Option('--node-name <name>', "this node's name in Kubernetes (default: the host's name)")

const serviceProxyName = () =>
  new Option(
    '--service-proxy-name <name>',
    'serve only Services whose label service.kubernetes.io/service-proxy-name is this, beside another proxy (default: those without the label)',
  )

const minSyncPeriod = () =>
  new Option(
    '--min-sync-period <duration>',
    'how long after one sync the next may come: what changes meanwhile is put together',
  ).default('1s')

/** Each kind of instance has a default of its own: several often run on one host. */
const instanceNamed = (name: string) => () => [
  new Option('--instance <name>', 'name of this instance').default(name),
  new Option('--run-dir <path>', "directory of the instances' sockets").default('/run/sluice'),
]

export const OPTIONS: { readonly [group in OptionGroup]: () => Option[] } = {
  file: () => [
    new Option('-i, --input <path>', 'file or directory to read, or - for standard input; may be repeated').argParser(
      (value: string, previous: string[] | undefined) => [...(previous ?? []), value],
    ),
    new Option('--max-file-size <MiB>', 'refuse larger files').default('256'),
  ],
  kube: () => [
    new Option(
      '--kubeconfig <file>',
      'how to reach the API server and who we are there (default: $KUBECONFIG, else as a pod by its service account; ~/.kube/config is not read)',
    ),
    new Option('--context <name>', "the kubeconfig's context to use (default: its current-context)"),
    new Option(
      '--server <url>',
      'URL of the API server; counts before $API_PUBLIC_ENDPOINT, the kubeconfig and the pod; several, separated by commas, stand in for each other',
    ).argParser(list('--server')),
    new Option(
      '--tls-server-name <name>',
      "name that the API server's certificate must have (default: the host of the URL)",
    ),
    new Option(
      '--with-service-labels <globs>',
      'labels of Services to keep beside those that Sluice reads (default: none)',
    ).argParser(list('--with-service-labels')),
    new Option(
      '--with-service-annotations <globs>',
      'annotations of Services to keep beside those that Sluice reads (default: none)',
    ).argParser(list('--with-service-annotations')),
    new Option(
      '--with-node-labels <globs>',
      `labels of the Node to keep (default: ${DEFAULT_NODE_LABELS.join(',')})`,
    ).argParser(list('--with-node-labels')),
    new Option('--with-node-annotations <globs>', 'annotations of the Node to keep (default: none)').argParser(
      list('--with-node-annotations'),
    ),
    new Option('--no-events', 'write no Kubernetes Events about what is not served, and why'),
  ],
  'node-name': () => [nodeName(), serviceProxyName()],
  'proxy-name': () => [serviceProxyName()],
  node: () => [
    nodeName(),
    serviceProxyName(),
    new Option(
      '--nodeport-addresses <list>',
      'addresses that serve node ports: primary, localhost, all, and CIDRs, separated by commas (default: primary)',
    ).argParser(list('--nodeport-addresses')),
    new Option(
      '--cluster-cidr <list>',
      'CIDRs of pods; sources outside are masqueraded on their way to a cluster IP',
    ).argParser(list('--cluster-cidr')),
    new Option('--cluster-cidrs <list>', "KPNG's name for --cluster-cidr")
      .argParser(list('--cluster-cidrs'))
      .hideHelp(),
    new Option(
      '--detect-local-mode <mode>',
      "how pods on this node are told: by the cluster's CIDRs, by the node's own, or by the interface they come through",
    )
      .choices([...DETECT_LOCAL_MODES])
      .default('ClusterCIDR'),
    new Option('--pod-bridge-interface <name>', "the pods' bridge, for BridgeInterface"),
    new Option('--pod-interface-name-prefix <prefix>', "how the pods' interfaces are called, for InterfaceNamePrefix"),
    toggle('masquerade-all', 'masquerade all traffic to cluster IPs, of pods, too'),
    new Option('--masquerade-bit <bit>', "accepted for kube-proxy's sake; nftables needs no mark to masquerade"),
  ],
  sync: () => [
    minSyncPeriod(),
    new Option(
      '--sync-period <duration>',
      'how often everything in the kernel is compared with what it must be, if anybody wrote meanwhile',
    ).default('30s'),
  ],
  nft: () => [
    new Option('--own-tables', 'make the tables so that no other process can change them (Linux 6.9 or later)'),
    new Option('--dry-run', 'print what would be done as nft text, and do nothing'),
    new Option('--once', 'program the present state and exit'),
    new Option('--cleanup-kube-proxy', 'remove what a kube-proxy left, as soon as its Services are served'),
  ],
  conntrack: () => [
    new Option('--conntrack-max-per-core <n>', 'entries to track for each CPU; 0 leaves the limit alone').default(
      '32768',
    ),
    new Option('--conntrack-min <n>', 'entries to track at least, whatever the number of CPUs').default('131072'),
    new Option(
      '--conntrack-tcp-timeout-established <duration>',
      'idle time of TCP connections; 0 leaves it alone',
    ).default('24h'),
    new Option(
      '--conntrack-tcp-timeout-close-wait <duration>',
      'time that half-closed TCP connections are kept; 0 leaves it alone',
    ).default('1h'),
    toggle('conntrack-tcp-be-liberal', 'take TCP packets out of the window for valid ones, and drop none'),
    new Option('--conntrack-udp-timeout <duration>', 'idle time of unanswered UDP flows; 0 leaves it alone').default(
      '0s',
    ),
    new Option('--conntrack-udp-timeout-stream <duration>', 'idle time of UDP streams; 0 leaves it alone').default(
      '0s',
    ),
  ],
  health: () => [
    new Option(
      '--healthz-bind-address <ip:port>',
      'where /healthz, /livez and /readyz are served; empty for nowhere (default: 0.0.0.0:10256; with --service-proxy-name nowhere)',
    ),
    new Option(
      '--metrics-bind-address <ip:port>',
      'where /metrics, /configz and /proxyMode are served; empty for nowhere (default: 127.0.0.1:10249; with --service-proxy-name nowhere)',
    ),
    toggle('bind-address-hard-fail', 'end with an error when one of these addresses cannot be listened on'),
  ],
  api: () => [
    new Option('--api <address>', 'the server to read from: HOST:PORT, or unix:///PATH').default('127.0.0.1:12090'),
    new Option('--api-client-tls-crt <file>', 'certificate that says who we are, in PEM'),
    new Option('--api-client-tls-key <file>', 'its key'),
    new Option('--api-client-tls-ca <file>', "certificates that the server's is checked against; implies TLS"),
  ],
  listen: () => [
    new Option('--listen <address>', 'where to serve: HOST:PORT, tcp://HOST:PORT, or unix:///PATH').default(
      '127.0.0.1:12090',
    ),
    new Option('--listen-tls-crt <file>', "the server's certificate, in PEM"),
    new Option('--listen-tls-key <file>', 'its key'),
    new Option('--listen-tls-ca <file>', 'certificates that clients must have one of; any client may connect without'),
    new Option(
      '--listen-insecure',
      'serve an address that other machines can reach although any client may connect there',
    ),
    new Option('--globalv1-api [boolean]', "serve the whole cluster's state, for relays and `api` sources").default(
      'true',
    ),
    new Option('--local-api [boolean]', "serve each node's own state").default('true'),
    new Option(
      '--service-proxy-name <name>',
      'tell of Services whose label service.kubernetes.io/service-proxy-name is this (default: those without the label)',
    ),
  ],
  output: () => [
    new Option('-o, --output <file>', 'file to write').default('global-state.yaml'),
    new Option(
      '--output-format <format>',
      'how to write it (default: json when its name ends in .json, else yaml)',
    ).choices([...STATE_FORMATS]),
    new Option(
      '--without-additions',
      "leave out what KPNG's own file source refuses: Sluice's additions, and session affinity",
    ),
    minSyncPeriod(),
    new Option('--once', 'write the present state and exit'),
  ],
  once: () => [new Option('--once', 'print the present state and exit')],
  ip: () => [
    new Option(
      '--ip <list>',
      'where to listen: addresses, and CIDRs that choose some of the host (default: every address)',
    ).argParser(list('--ip')),
  ],
  healthz: () => [
    new Option(
      '--healthz-bind-address <ip:port>',
      'where /healthz, /livez and /readyz are served; empty for nowhere',
    ).default('0.0.0.0:10256'),
  ],
  instance: instanceNamed('default'),
  'api-instance': instanceNamed('api'),
  'file-instance': instanceNamed('file'),
  'healthchecks-instance': instanceNamed('healthchecks'),
  log: () => [
    new Option('--log-level <level>', 'how much to log').choices([...LOG_LEVELS]).default('info'),
    new Option('--log-format <format>', 'how to write it: text on a terminal and json elsewhere unless told').choices([
      'json',
      'text',
    ]),
  ],
  'kube-proxy': () => kubeProxyOptions(ownFlags()),
  status: () => [new Option('--json', 'print JSON')],
  cleanup: () => [
    new Option(
      '--kube-proxy',
      'delete what a kube-proxy left instead, in any of its modes; stop the kube-proxy before',
    ),
  ],
}

/** Names of the flags of all groups but kube-proxy's, without dashes. */
function ownFlags(): ReadonlySet<string> {
  const groups = Object.entries(OPTIONS).filter(([group]) => group !== 'kube-proxy')
  return new Set(groups.flatMap(([, options]) => options().map((option) => option.name())))
}

/** The values as commander gives them, before they are checked. */
export interface RawOptions {
  readonly input?: readonly string[]
  readonly maxFileSize?: string
  readonly kubeconfig?: string
  readonly events?: boolean
  readonly context?: string
  readonly server?: readonly string[]
  readonly tlsServerName?: string
  readonly withServiceLabels?: readonly string[]
  readonly withServiceAnnotations?: readonly string[]
  readonly withNodeLabels?: readonly string[]
  readonly withNodeAnnotations?: readonly string[]
  readonly nodeName?: string
  readonly serviceProxyName?: string
  readonly nodeportAddresses?: readonly string[]
  readonly clusterCidr?: readonly string[]
  readonly clusterCidrs?: readonly string[]
  readonly detectLocalMode?: DetectLocalMode
  readonly podBridgeInterface?: string
  readonly podInterfaceNamePrefix?: string
  readonly minSyncPeriod?: string
  readonly syncPeriod?: string
  readonly ownTables?: boolean
  readonly masqueradeAll?: boolean
  readonly masqueradeBit?: string
  readonly dryRun?: boolean
  readonly once?: boolean
  readonly cleanupKubeProxy?: boolean
  readonly kubeProxy?: boolean
  readonly conntrackMaxPerCore?: string
  readonly conntrackMin?: string
  readonly conntrackTcpTimeoutEstablished?: string
  readonly conntrackTcpTimeoutCloseWait?: string
  readonly conntrackTcpBeLiberal?: boolean
  readonly conntrackUdpTimeout?: string
  readonly conntrackUdpTimeoutStream?: string
  readonly healthzBindAddress?: string
  readonly metricsBindAddress?: string
  readonly bindAddressHardFail?: boolean
  readonly api?: string
  readonly apiClientTlsCrt?: string
  readonly apiClientTlsKey?: string
  readonly apiClientTlsCa?: string
  readonly output?: string
  readonly outputFormat?: string
  readonly withoutAdditions?: boolean
  readonly ip?: readonly string[]
  readonly listen?: string
  readonly listenTlsCrt?: string
  readonly listenTlsKey?: string
  readonly listenTlsCa?: string
  readonly listenInsecure?: boolean
  readonly globalv1Api?: string | boolean
  readonly localApi?: string | boolean
  readonly bindAddress?: string
  readonly oomScoreAdj?: string
  readonly instance: string
  readonly runDir: string
  readonly logLevel?: LogLevel
  readonly logFormat?: LogFormat
  readonly json?: boolean
}
