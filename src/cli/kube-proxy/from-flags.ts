import { UsageError } from '../failure.ts'
import type { GivenFlags } from '../given-flags.ts'
import { type ConfigValues, countsIn, modeOf, PLACED_FIELDS } from './configuration.ts'
import { FLAGS } from './table.ts'
import { type ConfigValue, textOf, type ValueType } from './value-types.ts'

/**
 * The fields that flags give. Flags such as `--iptables-sync-period` stand for the field of the section that counts, as in kube-proxy:
 * those of another mode are not among them.
 *
 * @throws UsageError that names the flag
 */
export function valuesOfFlags(given: GivenFlags): ConfigValues {
  const values = new Map<string, ConfigValue>()
  const mode = modeOf({ mode: flagText(given, 'proxy-mode') })
  for (const { path, field } of PLACED_FIELDS) {
    const value = field.flag === undefined ? undefined : flagValue(given, field.flag, field.type)
    if (value !== undefined && countsIn(field, mode)) values.set(path, value)
  }
  return values
}

/** The value of one of kube-proxy's flags; undefined when it is not given. @throws UsageError */
export function flagValue(given: GivenFlags, flag: string, type = typeOf(flag)): ConfigValue | undefined {
  const value = given.get(flag)
  if (value === undefined) return undefined
  const text = textOf(value)
  const read = type.fromFlag(text)
  if (read === undefined) throw new UsageError(`--${flag}: "${text}" must be ${type.accepts}`)
  return read
}

/** The same as a text; empty when it is not given. @throws UsageError */
export function flagText(given: GivenFlags, flag: string): string {
  return textOf(flagValue(given, flag))
}

function typeOf(flag: string): ValueType<ConfigValue> {
  const ofField = PLACED_FIELDS.find(({ field }) => field.flag === flag)?.field
  const type = FLAGS[flag]?.type ?? ofField?.type
  if (type === undefined) throw new Error(`kube-proxy has no flag --${flag}`)
  return type
}
