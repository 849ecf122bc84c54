import { hostname } from 'node:os'
import { type IpAddress, parseIp } from '../model/ip.ts'
import { isName } from '../model/parse/fields.ts'
import { MAX_LABEL } from '../model/parse/metadata.ts'
import { type NodePortAddresses, parseNodePortAddresses } from '../node/node-port-addresses.ts'
import type { BindAddress } from '../observe/http-listener.ts'
import { bindAddress } from './bind-address.ts'
import { type DetectLocal, detectLocal } from './detect-local.ts'
import { parseDuration } from './duration.ts'
import { UsageError } from './failure.ts'
import type { RawOptions } from './options.ts'

/** When --healthz-bind-address has none, as in kube-proxy. */
export const HEALTHZ_PORT = 10256

/** When --metrics-bind-address has none, as in kube-proxy. */
const METRICS_PORT = 10249

/** The options of a node agent, checked. */
export interface AgentOptions {
  readonly nodeName: string
  /** Only Services that name this proxy are served; those that name none when it is empty. */
  readonly proxyName: string
  readonly nodePortAddresses: NodePortAddresses
  /** The node's primary address of its family, whatever its object says; undefined: as its object says. */
  readonly nodeIP: IpAddress | undefined
  readonly detectLocal: DetectLocal
  /** Milliseconds. */
  readonly minSyncPeriod: number
  /** Milliseconds; 0 for never. */
  readonly syncPeriod: number
  readonly conntrackTcpBeLiberal: boolean
  readonly ownTables: boolean
  readonly masqueradeAll: boolean
  readonly dryRun: boolean
  readonly once: boolean
  /** Where health is served; undefined for nowhere. */
  readonly healthzAddress: BindAddress | undefined
  /** Where metrics and the effective configuration are served; undefined for nowhere. */
  readonly metricsAddress: BindAddress | undefined
  readonly bindAddressHardFail: boolean
  readonly instance: string
  readonly runDirectory: string
}

/** @throws UsageError that names the flag and says what it accepts. */
export function agentOptions(raw: RawOptions): AgentOptions {
  checkMasqueradeBit(raw.masqueradeBit)
  const nodePorts = raw.nodeportAddresses ?? ['primary']
  const nodePortAddresses = parseNodePortAddresses(nodePorts)
  if (nodePortAddresses === undefined) {
    throw new UsageError(
      `--nodeport-addresses: "${nodePorts.join(',')}" must be primary, localhost, all, or CIDRs such as 10.0.0.0/8`,
    )
  }
  return {
    nodeName: raw.nodeName ?? hostname().toLowerCase(),
    proxyName: proxyName(raw),
    nodePortAddresses,
    nodeIP: nodeIP(raw.bindAddress),
    detectLocal: detectLocal(raw),
    minSyncPeriod: parseDuration('--min-sync-period', raw.minSyncPeriod ?? '1s'),
    syncPeriod: parseDuration('--sync-period', raw.syncPeriod ?? '30s'),
    conntrackTcpBeLiberal: raw.conntrackTcpBeLiberal ?? false,
    ownTables: raw.ownTables ?? false,
    masqueradeAll: raw.masqueradeAll ?? false,
    dryRun: raw.dryRun ?? false,
    once: raw.once ?? false,
    healthzAddress: bindAddress(
      '--healthz-bind-address',
      listener(raw.healthzBindAddress, raw, `0.0.0.0:${HEALTHZ_PORT}`),
      HEALTHZ_PORT,
    ),
    metricsAddress: bindAddress(
      '--metrics-bind-address',
      listener(raw.metricsBindAddress, raw, `127.0.0.1:${METRICS_PORT}`),
      METRICS_PORT,
    ),
    bindAddressHardFail: raw.bindAddressHardFail ?? false,
    ...instanceOptions(raw),
  }
}

/** kube-proxy's --bind-address, which nothing is bound to: 0.0.0.0 and :: say nothing. @throws UsageError */
function nodeIP(text: string | undefined): IpAddress | undefined {
  if (text === undefined || text === '') return undefined
  const address = parseIp(text)
  if (address === undefined) throw new UsageError(`--bind-address: "${text}" must be an IP address such as 10.0.0.1`)
  return address === '0.0.0.0' || address === '::' ? undefined : address
}

/** Beside another proxy that one is asked for the node's health and for metrics, and has the ports. */
function listener(given: string | undefined, { serviceProxyName = '' }: RawOptions, usual: string): string {
  return given ?? (serviceProxyName === '' ? usual : '')
}

/** Empty when it is not given. @throws UsageError when no label can have it as its value. */
function proxyName({ serviceProxyName: name = '', cleanupKubeProxy }: RawOptions): string {
  if (name === '') return ''
  const isValue: boolean = isName(name, MAX_LABEL)
  if (!isValue) {
    const accepted = `letters, digits, "-", "_" and ".", ${MAX_LABEL} at most, and a letter or digit at both ends`
    throw new UsageError(`--service-proxy-name: "${name}" must be a label's value: ${accepted}`)
  }
  if (cleanupKubeProxy)
    throw new UsageError('--cleanup-kube-proxy: not with --service-proxy-name, as both are to serve')
  return name
}

/** @throws UsageError */
export function instanceOptions(raw: RawOptions): { instance: string; runDirectory: string } {
  if (!/^[a-z0-9]([a-z0-9._-]{0,62})$/i.test(raw.instance)) {
    throw new UsageError(`--instance: "${raw.instance}" must be letters, digits, dots and dashes, 63 at most`)
  }
  return { instance: raw.instance, runDirectory: raw.runDir }
}

/** Bytes. @throws UsageError */
export function maxFileBytes(raw: RawOptions): number {
  const mebibytes = Number(raw.maxFileSize)
  if (!Number.isInteger(mebibytes) || mebibytes < 1 || mebibytes > 4096) {
    throw new UsageError(`--max-file-size: "${raw.maxFileSize}" must be a whole number of MiB, 1 to 4096`)
  }
  return mebibytes << 20
}

function checkMasqueradeBit(text: string | undefined): void {
  if (text === undefined) return
  const bit = Number(text)
  if (!/^\d+$/.test(text) || bit > 31) throw new UsageError(`--masquerade-bit: "${text}" must be a number from 0 to 31`)
}
