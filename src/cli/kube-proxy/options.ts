import { Option } from 'commander'
import { UsageError } from '../failure.ts'
import { PLACED_FIELDS } from './configuration.ts'
import { FLAGS, type Use } from './table.ts'
import { BOOLEAN, booleanOf, type ConfigValue, type ValueType } from './value-types.ts'

/** What help says above them. */
const HEADING = 'Flags of kube-proxy:'

/** kube-proxy's flags that Sluice has not of its own, with what becomes of them. @param own names of flags that it has, without dashes */
export function kubeProxyOptions(own: ReadonlySet<string>): Option[] {
  const options = new Map<string, Option>()
  for (const { field } of PLACED_FIELDS) {
    const { flag, type, use } = field
    if (flag !== undefined && !own.has(flag) && !options.has(flag)) options.set(flag, flagOption(flag, type, use))
  }
  for (const [flag, { type, use }] of Object.entries(FLAGS)) options.set(flag, flagOption(flag, type, use))
  return [...options.values()].map((option) => option.helpGroup(HEADING))
}

function flagOption(flag: string, type: ValueType<ConfigValue>, use: Use): Option {
  const text = 'applied' in use ? use.applied.replaceAll('`', '') : `does not apply: ${use.ignored.replaceAll('`', '')}`
  if (type === BOOLEAN) return toggle(flag, text)
  const short = flag === 'v' ? '-v, ' : ''
  // pflag takes `-v=2`, too.
  return new Option(`${short}--${flag} <${type.placeholder}>`, text).argParser((value: string) => {
    return flag === 'v' ? value.replace(/^=/, '') : value
  })
}

/** A flag that is on or off as Go's are: `--NAME`, `--NAME=true`, `--NAME=false`. @param flag without dashes */
export function toggle(flag: string, description: string): Option {
  const option = new Option(`--${flag} [bool]`, description)
  return option.argParser((text: string) => {
    const value = booleanOf(text)
    if (value === undefined) throw new UsageError(`--${flag}: "${text}" must be true or false`)
    return value
  })
}
