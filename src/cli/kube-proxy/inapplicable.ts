import { isDeepStrictEqual } from 'node:util'
import { parseIp } from '../../model/ip.ts'
import type { GivenFlags } from '../given-flags.ts'
import {
  countsIn,
  type KubeProxyConfiguration,
  modeOf,
  PLACED_FIELDS,
  type PlacedField,
  valueAt,
} from './configuration.ts'
import { flagValue } from './from-flags.ts'
import { type Field, FLAGS } from './table.ts'
import { textOf } from './value-types.ts'

/** kube-proxy's deprecated flags, with the options whose port they may be, and their defaults. */
export const DEPRECATED_PORTS = [
  { flag: 'healthz-port', option: 'healthzBindAddress', address: 'healthz-bind-address', port: 10256 },
  { flag: 'metrics-port', option: 'metricsBindAddress', address: 'metrics-bind-address', port: 10249 },
] as const

const FILE_COUNTS = 'the configuration file counts'

/**
 * The reason for each setting that does not apply, by its field, or by its flag (`--NAME`) when it was given by one. What is at its
 * default is not among them: it asks for nothing.
 *
 * @param hasFile the configuration is that of a file
 */
export function inapplicableSettings(
  configuration: KubeProxyConfiguration,
  given: GivenFlags,
  hasFile: boolean,
): ReadonlyMap<string, string> {
  const reasons = new Map<string, string>()
  const mode = modeOf(configuration)
  for (const { path, field } of PLACED_FIELDS) {
    const reason = reasonOf(field, mode)
    if (reason === undefined || isDeepStrictEqual(valueAt(configuration, path), field.default)) continue
    const isFlag = field.flag !== undefined && given.has(field.flag) && (!hasFile || field.merged === true)
    reasons.set(isFlag ? `--${field.flag}` : path, reason)
  }
  if (configuration.mode === 'iptables' || configuration.mode === 'ipvs') {
    const name = hasFile ? 'mode' : '--proxy-mode'
    reasons.set(name, `Sluice serves with nftables; of the sections, ${mode} counts`)
  }
  for (const [name, reason] of flagReasons(given, mode, hasFile)) reasons.set(name, reason)
  return reasons
}

/** Undefined when it applies. */
function reasonOf({ use, ...field }: Field, mode: ReturnType<typeof modeOf>): string | undefined {
  if ('ignored' in use) return use.ignored
  return countsIn({ use, ...field }, mode) ? undefined : otherMode(mode)
}

function otherMode(mode: string): string {
  return `it is of another mode than ${mode}`
}

function* flagReasons(
  given: GivenFlags,
  mode: ReturnType<typeof modeOf>,
  hasFile: boolean,
): Generator<[string, string]> {
  for (const name of given.keys()) {
    const fields = PLACED_FIELDS.filter(({ field }) => field.flag === name)
    if (hasFile && overruled(name, fields)) yield [`--${name}`, FILE_COUNTS]
    else if (fields.length > 0 && !fields.some(({ field }) => countsIn(field, mode))) {
      yield [`--${name}`, otherMode(mode)]
    } else yield* ownReason(name, given)
  }
}

/** A flag of kube-proxy that does not count beside a file. `--cluster-cidrs` is KPNG's name of one. */
function overruled(name: string, fields: readonly PlacedField[]): boolean {
  if (name === 'cluster-cidrs') return true
  const merges = fields.length > 0 ? fields.some(({ field }) => field.merged) : FLAGS[name]?.merged
  return fields.length + (FLAGS[name] === undefined ? 0 : 1) > 0 && merges !== true
}

/** Of a flag that no field has. */
function* ownReason(name: string, given: GivenFlags): Generator<[string, string]> {
  const flag = FLAGS[name]
  if (flag === undefined) return
  const value = flagValue(given, name)
  if ('ignored' in flag.use && !isDeepStrictEqual(value, flag.type.zero)) yield [`--${name}`, flag.use.ignored]
  const port = DEPRECATED_PORTS.find((one) => one.flag === name)
  if (port === undefined || value === 0 || value === port.port) return
  // The default address has a port.
  const hasPort = parseIp(textOf(given.get(port.address))) === undefined
  if (hasPort) yield [`--${name}`, `--${port.address} has a port`]
}
