import { familyOf, parseCidr, parseIp } from '../../model/ip.ts'
import { parseNodePortAddresses } from '../../node/node-port-addresses.ts'
import { bindAddressOf } from '../bind-address.ts'
import { durationOf, durationText } from '../duration.ts'

/** A value of a KubeProxyConfiguration, as JSON has it. */
export type ConfigValue =
  | string
  | number
  | boolean
  | null
  | readonly ConfigValue[]
  | { readonly [key: string]: ConfigValue }

/** A value as a command line has it: entries of a list with commas between; empty for none. */
export function textOf(value: ConfigValue | undefined): string {
  if (value === undefined || value === null) return ''
  if (Array.isArray(value)) return value.map(textOf).join(',')
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

/** A type of values that a configuration file and a flag can give. Undefined stands for what is none of them. */
export interface ValueType<T extends ConfigValue> {
  /** Completes the sentence "X must be". */
  readonly accepts: string
  /** What help says for the value, for example `duration`. */
  readonly placeholder: string
  /** Go's zero value, which a field has that is not set. */
  readonly zero: T
  fromFile(value: unknown): T | undefined
  fromFlag(text: string): T | undefined
}

type Reader<T> = (text: string) => T | undefined

/** A text in the file, too. */
function textual<T extends ConfigValue>(accepts: string, placeholder: string, zero: T, read: Reader<T>): ValueType<T> {
  const fromFile = (value: unknown) => (typeof value === 'string' ? read(value) : undefined)
  return { accepts, placeholder, zero, fromFile, fromFlag: read }
}

export const TEXT = textual('text', 'text', '', (text) => text)

export const FILE: ValueType<string> = { ...TEXT, accepts: 'a path', placeholder: 'file' }

export const URL_TEXT: ValueType<string> = { ...TEXT, accepts: 'a URL', placeholder: 'url' }

/** One of these texts, or an empty one. */
export function choice<T extends string>(values: readonly T[], placeholder: string): ValueType<T | ''> {
  const accepts = `${values.slice(0, -1).join(', ')} or ${values.at(-1)}, or empty`
  return textual<T | ''>(accepts, placeholder, '', (text) =>
    text === '' ? '' : values.find((value) => value === text),
  )
}

/** Of a text that is not empty, unless it is not set. */
function orEmpty(read: Reader<string>): Reader<string> {
  return (text) => (text === '' ? '' : read(text))
}

/** Trimmed and in small letters, as kube-proxy makes it. */
export const HOSTNAME = textual(
  "a node's name",
  'name',
  '',
  orEmpty((text) => text.trim().toLowerCase() || undefined),
)

export const ADDRESS = textual('an IP address such as 10.0.0.1 or fd00::1', 'ip', '', orEmpty(parseIp))

/** `IP:PORT`, or an IP alone, which gets the port. */
export function addressAndPort(port: number): ValueType<string> {
  const read = (text: string): string | undefined => {
    if (bindAddressOf(text, port) === undefined) return undefined
    if (parseIp(text) === undefined) return text
    return text.includes(':') ? `[${text}]:${port}` : `${text}:${port}`
  }
  return textual(`an IP address and port such as 0.0.0.0:${port} or [::]:${port}`, 'ip:port', '', orEmpty(read))
}

/** 15 characters at most, as the kernel has it (IFNAMSIZ), and none that it or nft forbids. */
export const INTERFACE = textual(
  'the name of an interface, 15 characters at most',
  'name',
  '',
  orEmpty((text) => (/^[^\s/"*\\:]{1,15}$/.test(text) ? text : undefined)),
)

/** Ranges in one text, as clusterCIDR has them. */
export const CIDRS_IN_TEXT = textual(
  'a CIDR such as 10.244.0.0/16, or one of each family with a comma between',
  'list',
  '',
  orEmpty((text) => (text.split(',').every((part) => parseCidr(part) !== undefined) ? text : undefined)),
)

/** No range, a port, or `FIRST-LAST`, or `FIRST+SIZE`, as kube-proxy reads it. */
export const PORT_RANGE = textual(
  'a range of ports such as 300-2000, or empty',
  'range',
  '',
  orEmpty((text) => {
    const [, first, separator, second] = /^(\d{1,5})(?:([-+])(\d{1,5}))?$/.exec(text.trim()) ?? []
    if (first === undefined) return undefined
    const last = separator === '+' ? Number(first) + Number(second) : Number(second ?? first)
    return last >= Number(first) && last <= 65535 ? text : undefined
  }),
)

export const MINOR_VERSION = textual(
  'a version such as 1.36, or empty',
  'version',
  '',
  orEmpty((text) => (/^\d+\.\d+$/.test(text) ? text : undefined)),
)

export const BOOLEAN: ValueType<boolean> = {
  accepts: 'true or false',
  placeholder: 'bool',
  zero: false,
  fromFile: (value) => (typeof value === 'boolean' ? value : undefined),
  fromFlag: booleanOf,
}

/** A boolean as Go's strconv.ParseBool reads it; undefined when it is none. */
export function booleanOf(text: string): boolean | undefined {
  if (['1', 't', 'T', 'TRUE', 'true', 'True'].includes(text)) return true
  return ['0', 'f', 'F', 'FALSE', 'false', 'False'].includes(text) ? false : undefined
}

const INT32 = { min: -(2 ** 31), max: 2 ** 31 - 1 }

/** A whole number in this range. */
export function integer({ min, max = INT32.max }: { readonly min: number; readonly max?: number }): ValueType<number> {
  const within = (value: number) => (Number.isInteger(value) && value >= min && value <= max ? value : undefined)
  return {
    accepts: `a whole number from ${min} to ${max}`,
    placeholder: 'n',
    zero: 0,
    fromFile: (value) => (typeof value === 'number' ? within(value) : undefined),
    fromFlag: (text) => (/^[-+]?\d+$/.test(text) ? within(Number(text)) : undefined),
  }
}

export const NUMBER: ValueType<number> = {
  accepts: 'a number',
  placeholder: 'n',
  zero: 0,
  fromFile: (value) => (typeof value === 'number' && Number.isFinite(value) ? value : undefined),
  fromFlag: (text) => (/^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text) ? Number(text) : undefined),
}

function canonicalDuration(text: string): string | undefined {
  const milliseconds = durationOf(text)
  return milliseconds === undefined ? undefined : durationText(milliseconds)
}

/** Go's metav1.Duration, 0 or more, as Go prints it. */
export const DURATION = textual('a duration of 0 or more such as 30s or 1m0s', 'duration', '0s', canonicalDuration)

/** The same, more than 0: a flag that is 0 is wrong, while in a file 0 means the default. */
export const PERIOD: ValueType<string> = {
  ...DURATION,
  accepts: 'a duration of more than 0 such as 30s or 1m0s',
  fromFlag: (text) => (durationOf(text) === 0 ? undefined : DURATION.fromFlag(text)),
}

/** The same as {@link DURATION}, in whole seconds as the kernel counts. */
export const KERNEL_TIMEOUT: ValueType<string> = textual(
  'a duration of 0, or of 1s to 596523h, such as 30s or 1h0m0s',
  'duration',
  '0s',
  (text) => {
    const milliseconds = durationOf(text) ?? -1
    const isKernels = milliseconds === 0 || (milliseconds >= 1000 && milliseconds / 1000 <= INT32.max)
    return isKernels ? durationText(milliseconds) : undefined
  },
)

/** A duration, or a number of nanoseconds, as logging.flushFrequency has it. */
export const FLUSH_FREQUENCY: ValueType<string | number> = {
  ...DURATION,
  accepts: 'a duration such as 5s, or a number of nanoseconds',
  zero: 0,
  fromFile: (value) => (typeof value === 'number' && Number.isInteger(value) ? value : DURATION.fromFile(value)),
}

/** A Kubernetes quantity, of which nothing is read. */
export const QUANTITY: ValueType<string | number> = {
  ...TEXT,
  accepts: 'a quantity such as 64Ki',
  zero: '0',
  fromFile: (value) => (typeof value === 'number' || typeof value === 'string' ? value : undefined),
}

function list(accepts: string, isEntry: (text: string) => boolean): ValueType<readonly string[] | null> {
  const read = (values: readonly unknown[]) => {
    return values.every((value) => typeof value === 'string' && isEntry(value)) ? (values as string[]) : undefined
  }
  return {
    accepts,
    placeholder: 'list',
    zero: null,
    fromFile: (value) => (Array.isArray(value) ? read(value) : undefined),
    fromFlag: (text) => (text === '' ? null : read(text.split(',').map((part) => part.trim()))),
  }
}

export const CIDR_LIST = list('a list of CIDRs', (text) => parseCidr(text) !== undefined)

export const NODE_PORT_ADDRESSES = list('a list of CIDRs, primary, localhost and all', (text) => {
  return parseNodePortAddresses([text]) !== undefined
})

type Gates = { readonly [name: string]: boolean }

export const FEATURE_GATES: ValueType<Gates> = {
  accepts: 'names of feature gates, each with true or false',
  placeholder: 'gates',
  zero: {},
  fromFile: (value) => {
    const isMap = typeof value === 'object' && value !== null && !Array.isArray(value)
    return isMap && Object.values(value).every((one) => typeof one === 'boolean') ? (value as Gates) : undefined
  },
  fromFlag: (text) => pairs(text, booleanOf, (gates) => Object.fromEntries(gates)),
}

interface Pattern {
  readonly [key: string]: ConfigValue
  readonly filePattern: string
  readonly verbosity: number
}

const LEVEL = integer({ min: 0 })

export const VMODULE: ValueType<readonly Pattern[]> = {
  accepts: 'patterns of file names, each with a level',
  placeholder: 'pattern=n',
  zero: [],
  fromFile: (value) => {
    const isPattern = (item: unknown) => {
      const { filePattern, verbosity } = (item ?? {}) as Record<string, unknown>
      return typeof filePattern === 'string' && LEVEL.fromFile(verbosity) !== undefined
    }
    return Array.isArray(value) && value.every(isPattern) ? (value as Pattern[]) : undefined
  },
  fromFlag: (text) =>
    pairs(
      text,
      (level) => LEVEL.fromFlag(level),
      (levels) => levels.map(([filePattern, verbosity]) => ({ filePattern, verbosity })),
    ),
}

/** `NAME=VALUE,NAME=VALUE`. */
function pairs<V, T>(text: string, read: Reader<V>, make: (entries: [string, V][]) => T): T | undefined {
  const entries: [string, V][] = []
  for (const part of text.split(',').filter((one) => one.trim() !== '')) {
    const [name = '', value = '', ...rest] = part.split('=').map((one) => one.trim())
    const parsed = read(value)
    if (name === '' || rest.length > 0 || parsed === undefined) return undefined
    entries.push([name, parsed])
  }
  return make(entries)
}

/** True for one range, or for one of each family: what kube-proxy takes for the ranges of pods. */
export function isDualStackPair(text: string): boolean {
  const cidrs = text.split(',').map(parseCidr)
  const families = new Set(cidrs.map((cidr) => cidr && familyOf(cidr)))
  return families.size === cidrs.length
}
