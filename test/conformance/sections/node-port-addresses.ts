import { FAMILIES, parseIp } from '../../../src/model/ip.ts'
import {
  type LocalAddress,
  matchNodePortAddresses,
  parseNodePortAddresses,
  selectsIPv4Loopback,
} from '../../../src/node/node-port-addresses.ts'
import { isLoopback } from '../format/address.ts'
import { type Comparison, type Row, type Section, stable } from './section.ts'

interface OfFamily {
  /** All addresses of the family serve node ports, also those that come later. */
  readonly matchAll: boolean
  /** Of the node's addresses, in their order, those that serve. */
  readonly ips: readonly string[]
}

interface AddressesRow {
  readonly name: string
  readonly nodePortAddresses: readonly string[]
  /** With prefix length. */
  readonly interfaceAddresses: readonly string[]
  readonly expect: { readonly IPv4: OfFamily; readonly IPv6: OfFamily }
}

/** Whether a list includes an IPv4 loopback address. */
type LoopbackRow = readonly [nodePortAddresses: readonly string[], contains: boolean]

interface Data {
  readonly rows?: readonly AddressesRow[]
  readonly containsIPv4Loopback?: readonly LoopbackRow[]
}

type AnyRow = { kind: 'addresses'; row: AddressesRow } | { kind: 'loopback'; row: LoopbackRow }

export const nodePortAddresses: Section<AnyRow> = {
  promises: [22, 23, 24],
  rows(data) {
    const { rows = [], containsIPv4Loopback = [] } = data as Data
    return [
      ...rows.map((row, index): Row<AnyRow> => {
        return { id: `node-port-addresses-${index + 1}`, name: row.name, data: { kind: 'addresses', row } }
      }),
      ...containsIPv4Loopback.map((row, index): Row<AnyRow> => {
        const name = `[${row[0].join(' ')}] contains IPv4 loopback`
        return { id: `contains-ipv4-loopback-${index + 1}`, name, data: { kind: 'loopback', row } }
      }),
    ]
  },
  adapter: async (rows) =>
    rows.map(({ data }) => (data.kind === 'addresses' ? compareAddresses(data.row) : compareLoopback(data.row))),
}

function compareAddresses({ nodePortAddresses: values, interfaceAddresses, expect }: AddressesRow): Comparison {
  const spec = parseNodePortAddresses(values)
  if (spec === undefined) return { expected: stable(expect), seen: 'not understood' }
  const addresses = interfaceAddresses.flatMap((text) => parseIp(text.split('/')[0] ?? '') ?? [])
  const local = addresses.map((address): LocalAddress => {
    return { address, isGlobal: !isLoopback(address), onDefaultRoute: false }
  })
  const [IPv4, IPv6] = FAMILIES.map((family): OfFamily => {
    const { matchAll, addresses: ips } = matchNodePortAddresses(spec, family, undefined, local)
    return { matchAll, ips }
  })
  return { expected: stable(expect), seen: stable({ IPv4, IPv6 }) }
}

function compareLoopback([values, contains]: LoopbackRow): Comparison {
  const spec = parseNodePortAddresses(values)
  return { expected: String(contains), seen: spec === undefined ? 'not understood' : String(selectsIPv4Loopback(spec)) }
}
