import { FIELDS, type Field, type Mode, type Section } from './table.ts'
import type { ConfigValue } from './value-types.ts'

export const API_VERSION = 'kubeproxy.config.k8s.io/v1alpha1'
export const KIND = 'KubeProxyConfiguration'

type Values<S> = {
  readonly [name in keyof S]: S[name] extends { readonly default: infer T extends ConfigValue; readonly use: object }
    ? T
    : Values<S[name]>
}

/** A KubeProxyConfiguration with all its fields, as JSON has them; durations are texts as Go prints them. */
export type KubeProxyConfiguration = Values<typeof FIELDS>

/** A field with its place, such as `conntrack.min`. */
export interface PlacedField {
  readonly path: string
  readonly field: Field
}

/** All fields, in the order of the table. */
export const PLACED_FIELDS: readonly PlacedField[] = placed(FIELDS, '')

function placed(section: Section, place: string): PlacedField[] {
  return Object.entries(section).flatMap(([name, entry]) => {
    const path = place === '' ? name : `${place}.${name}`
    return isField(entry) ? [{ path, field: entry }] : placed(entry, path)
  })
}

/** No section has a field that is called `use`. */
export function isField(entry: Field | Section): entry is Field {
  return 'use' in entry
}

/** The value of each field that is not its default, by the field's path. */
export type ConfigValues = ReadonlyMap<string, ConfigValue>

/** The configuration with these values, and defaults for all others. */
export function configurationOf(values: ConfigValues): KubeProxyConfiguration {
  return fill(FIELDS, '', values) as unknown as KubeProxyConfiguration
}

function fill(section: Section, place: string, values: ConfigValues): Record<string, unknown> {
  const entries = Object.entries(section).map(([name, entry]) => {
    const path = place === '' ? name : `${place}.${name}`
    return [name, isField(entry) ? (values.get(path) ?? entry.default) : fill(entry, path, values)]
  })
  return Object.fromEntries(entries) as Record<string, unknown>
}

/** A value by its path. */
export function valueAt(configuration: KubeProxyConfiguration, path: string): ConfigValue {
  let value: unknown = configuration
  for (const name of path.split('.')) value = (value as Record<string, unknown>)[name]
  return value as ConfigValue
}

/** The mode whose section counts: as for kube-proxy, an empty mode means iptables. */
export function modeOf({ mode }: { readonly mode: string }): Mode {
  return mode === '' ? 'iptables' : (mode as Mode)
}

/** True when the field counts in this mode. */
export function countsIn(field: Field, mode: Mode): boolean {
  return field.modes?.includes(mode) ?? true
}
