import { parseIp } from '../../model/ip.ts'
import { UsageError } from '../failure.ts'
import type { GivenFlags } from '../given-flags.ts'
import type { RawOptions } from '../options.ts'
import {
  type ConfigValues,
  configurationOf,
  countsIn,
  type KubeProxyConfiguration,
  modeOf,
  PLACED_FIELDS,
  valueAt,
} from './configuration.ts'
import { flagText, valuesOfFlags } from './from-flags.ts'
import { DEPRECATED_PORTS, inapplicableSettings } from './inapplicable.ts'
import { type ConfigurationFile, readConfigurationFile } from './read-file.ts'
import { periodFaults } from './rules.ts'
import type { Field } from './table.ts'
import { type ConfigValue, textOf } from './value-types.ts'

/** What kube-proxy's configuration file and flags say. */
export interface KubeProxySettings {
  /** Sluice's options with all of it that applies. */
  readonly options: RawOptions
  /** What was said, with defaults filled in. */
  readonly configuration: KubeProxyConfiguration
  /** Undefined when there is none. */
  readonly file: ConfigurationFile | undefined
  /** The reason for each setting that does not apply and is not at its default, by field or flag; empty when all apply. */
  readonly inapplicable: ReadonlyMap<string, string>
}

/** Every address, as ranges, since the keyword `all` is younger than most kube-proxies that may read what we write. */
const ALL_ADDRESSES = ['0.0.0.0/0', '::/0'] as const

/**
 * Applies what kube-proxy would be told to Sluice's options, with its precedence: when there is a configuration file, the flags
 * that have a field in it do not count, except those for the log and the node's name. Flags that only Sluice has always count, and
 * before the file.
 *
 * @throws SourceError when the file cannot be read; UsageError that names each field or flag that is wrong
 */
export async function kubeProxySettings(raw: RawOptions, given: GivenFlags): Promise<KubeProxySettings> {
  const path = flagText(given, 'config')
  const file = path === '' ? undefined : await readConfigurationFile(path)
  const flags = valuesOfFlags(given)
  const configuration = file === undefined ? configurationOf(flags) : merged(file.configuration, flags)
  if (file === undefined) checkPeriods(configuration)
  const options = new OptionWriter(raw, given)
  for (const { path: place, field } of PLACED_FIELDS) {
    if (field.option === undefined || !countsIn(field, modeOf(configuration))) continue
    const value = valueAt(configuration, place)
    if (file !== undefined) options.setFromFile(field, value)
    else if (flags.has(place)) options.setFromFlag(field, value)
  }
  if (file === undefined) options.setPorts()
  const namesMode = file !== undefined || given.has('proxy-mode')
  if (namesMode && modeOf(configuration) !== 'nftables') options.setDefault('nodeportAddresses', ALL_ADDRESSES)
  const master = flagText(given, 'master')
  if (master !== '') options.setDefault('server', [master])
  return {
    options: options.options,
    configuration,
    file,
    inapplicable: inapplicableSettings(configuration, given, file !== undefined),
  }
}

/** The file's configuration with the flags that count beside it. */
function merged(configuration: KubeProxyConfiguration, flags: ConfigValues): KubeProxyConfiguration {
  const values = new Map<string, ConfigValue>()
  for (const { path, field } of PLACED_FIELDS) {
    const ofFlag = field.merged ? flags.get(path) : undefined
    // An empty name is none, and does not hide that of the file.
    const counts = ofFlag !== undefined && ofFlag !== ''
    values.set(path, counts ? ofFlag : valueAt(configuration, path))
  }
  return configurationOf(values)
}

function checkPeriods(configuration: KubeProxyConfiguration): void {
  const [fault] = periodFaults(configuration)
  // kube-proxy has no such flags for nftables: those of iptables count there, too.
  const flag = modeOf(configuration) === 'ipvs' ? '--ipvs-sync-period' : '--iptables-sync-period'
  if (fault !== undefined) throw new UsageError(`${flag}: ${fault}`)
}

/** How a value stands on a command line; undefined when it says nothing. */
function optionValue(value: ConfigValue): string | boolean | readonly string[] | undefined {
  if (typeof value === 'boolean') return value
  if (Array.isArray(value)) return value.length === 0 ? undefined : (value as readonly string[])
  return value === null || value === '' ? undefined : textOf(value)
}

/** The flag of one of Sluice's options: `nodeName` is given by `--node-name`. */
export function flagOf(option: string): string {
  return option.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

/** Puts values where Sluice's own flags would put them. */
class OptionWriter {
  readonly #options: Map<string, unknown>
  readonly #given: GivenFlags

  constructor(raw: RawOptions, given: GivenFlags) {
    this.#options = new Map(Object.entries(raw))
    this.#given = given
    // kube-proxy takes an empty path for none.
    if (raw.kubeconfig === '') this.#options.delete('kubeconfig')
  }

  get options(): RawOptions {
    return Object.fromEntries(this.#options) as unknown as RawOptions
  }

  /** The file counts before flags that kube-proxy has, too, and behind those that only Sluice has. */
  setFromFile(field: Field, value: ConfigValue): void {
    const { option = '', flag } = field
    if (flag !== flagOf(option) && this.#given.has(flagOf(option))) return
    if (flag === flagOf(option)) this.#options.delete(option)
    if (option === 'clusterCidr') this.#options.delete('clusterCidrs')
    this.#set(field, value)
  }

  /** A flag that both have is where it must be already. */
  setFromFlag(field: Field, value: ConfigValue): void {
    const { option = '', flag } = field
    if (flag !== flagOf(option) && !this.#given.has(flagOf(option))) this.#set(field, value)
  }

  /** The value of an option that nobody gave. */
  setDefault<K extends keyof RawOptions>(option: K, value: RawOptions[K]): void {
    if (this.#options.get(option) === undefined) this.#options.set(option, value)
  }

  /** kube-proxy's deprecated flags: a port of 0 turns a server off, others count where the address has none. */
  setPorts(): void {
    for (const { flag, option } of DEPRECATED_PORTS) {
      const port = flagText(this.#given, flag)
      const address = parseIp(String(this.#options.get(option)))
      if (port === '0') this.#options.set(option, '')
      else if (port !== '' && address !== undefined) {
        this.#options.set(option, address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`)
      }
    }
  }

  #set(field: Field, value: ConfigValue): void {
    const { option = '' } = field
    const text = optionText(field, value)
    if (text !== undefined) this.#options.set(option, text)
  }
}

function optionText(field: Field, value: ConfigValue): string | boolean | readonly string[] | undefined {
  if (field.toOption !== undefined) return field.toOption(value)
  // Ranges are one text in the configuration, and a list for Sluice.
  if (field.option === 'clusterCidr') return optionValue(textOf(value).split(',').filter(Boolean))
  return optionValue(value)
}
