import type { RawOptions } from '../options.ts'
import {
  API_VERSION,
  configurationOf,
  countsIn,
  KIND,
  type KubeProxyConfiguration,
  PLACED_FIELDS,
  valueAt,
} from './configuration.ts'
import type { Field } from './table.ts'
import { type ConfigValue, textOf } from './value-types.ts'

/** The group's name, under which `/configz` has the configuration. */
const GROUP = 'kubeproxy.config.k8s.io'

/** A KubeProxyConfiguration with its apiVersion and kind, as it is written to files and shown. */
export interface EffectiveConfiguration extends Omit<KubeProxyConfiguration, 'oomScoreAdj'> {
  readonly apiVersion: string
  readonly kind: string
  /** Null when Sluice leaves it as it is. */
  readonly oomScoreAdj: number | null
}

/**
 * What is in effect, as a KubeProxyConfiguration: the mode is nftables, its section has what counts, and flags that only Sluice has are
 * applied, too. As a configuration file it means the same again.
 *
 * @param configuration what was said
 * @param options Sluice's options, in which that is applied
 */
export function effectiveConfiguration(
  configuration: KubeProxyConfiguration,
  options: RawOptions,
): EffectiveConfiguration {
  const raw: Readonly<Record<string, unknown>> = { ...options, clusterCidr: clusterCidrs(options) }
  const values = new Map<string, ConfigValue>()
  for (const { path, field } of PLACED_FIELDS) {
    const ofOption = countsIn(field, 'nftables') ? valueOfOption(field, raw) : undefined
    values.set(path, ofOption ?? valueAt(configuration, path))
  }
  values.set('mode', 'nftables')
  values.set('logging.format', logFormat(options))
  values.set('logging.verbosity', verbosity(configuration.logging.verbosity, options))
  const oomScoreAdj = options.oomScoreAdj === undefined ? null : Number(options.oomScoreAdj)
  return { apiVersion: API_VERSION, kind: KIND, ...configurationOf(values), oomScoreAdj }
}

/** A page that a running instance shows. */
export interface ConfigurationPage {
  readonly contentType: string
  readonly body: () => string
}

/**
 * Pages for whoever asks a running instance, by path: kube-proxy's `/configz` and `/proxyMode`.
 *
 * @param configuration what was said; nothing by default
 * @param options Sluice's options, in which that is applied
 */
export function configurationPages(
  options: RawOptions,
  configuration: KubeProxyConfiguration = configurationOf(new Map()),
): Readonly<Record<'/configz' | '/proxyMode', ConfigurationPage>> {
  const effective = effectiveConfiguration(configuration, options)
  const configz = JSON.stringify({ [GROUP]: effective })
  return {
    '/configz': { contentType: 'application/json', body: () => configz },
    '/proxyMode': { contentType: 'text/plain; charset=utf-8', body: () => effective.mode },
  }
}

/** How the log is written: as told, or text on a terminal and json elsewhere. */
export function logFormat({ logFormat: format }: RawOptions): 'json' | 'text' {
  return format ?? (process.stdout.isTTY ? 'text' : 'json')
}

/** Undefined when nothing is set, or what is set is no value of the field. */
function valueOfOption(field: Field, raw: Readonly<Record<string, unknown>>): ConfigValue | undefined {
  const value = field.option === undefined || field.toOption !== undefined ? undefined : raw[field.option]
  return value === undefined ? undefined : field.type.fromFlag(textOf(value as ConfigValue))
}

function clusterCidrs({ clusterCidr = [], clusterCidrs: others = [] }: RawOptions): readonly string[] {
  return [...clusterCidr, ...others]
}

/** kube-proxy's number for the level that is in effect; what was said, where that means it. */
function verbosity(said: number, { logLevel }: RawOptions): number {
  return logLevel === 'debug' ? Math.max(said, 4) : Math.min(said, 3)
}
