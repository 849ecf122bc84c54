import type { EndpointSlice } from '../../model/endpoint-slice.ts'
import type { Node } from '../../model/node.ts'
import type { Service } from '../../model/service.ts'
import type { ServiceCIDR } from '../../model/service-cidr.ts'
import { serviceCIDREntry, serviceEntry, withoutAdditions } from '../../model/wire/kpng-state.ts'
import type { Contents } from '../../model/wire/message.ts'
import { ENDPOINT_INFO, NODE, SERVICE } from '../../model/wire/messages.ts'
import { nodeMessage } from '../../model/wire/write-node.ts'
import { yamlListItem } from './yaml.ts'

/** In which form a state is written. */
export const STATE_FORMATS = ['yaml', 'json'] as const

export type StateFormat = (typeof STATE_FORMATS)[number]

/** How a state is written. */
export interface StateTextOptions {
  readonly format: StateFormat
  /** Leave out what KPNG does not know or cannot read back, so that its own strict reader takes the file. */
  readonly onlyKpng: boolean
}

/** The lists of the file, in their order. */
type Section = 'nodes' | 'services' | 'servicecidrs'

/**
 * KPNG's global state as text. The text of each object is kept, so that a change costs what changed; objects are in the order of
 * their names, so that equal states are equal text.
 */
export class StateText {
  readonly #options: StateTextOptions
  readonly #sections: Readonly<Record<Section, Map<string, string>>> = {
    nodes: new Map(),
    services: new Map(),
    servicecidrs: new Map(),
  }

  constructor(options: StateTextOptions) {
    this.#options = options
  }

  /** What a node is now; undefined when it is gone. */
  setNode(name: string, node: Node | undefined): void {
    this.#set('nodes', name, node && this.#node(node))
  }

  /** What a Service is now, with its EndpointSlices; undefined when it is gone. */
  setService(key: string, service: Service | undefined, slices: Iterable<EndpointSlice>): void {
    this.#set('services', key, service && this.#service(service, slices))
  }

  /** What a ServiceCIDR is now; undefined when it is gone. KPNG has none. */
  setServiceCIDR(name: string, object: ServiceCIDR | undefined): void {
    if (!this.#options.onlyKpng) this.#set('servicecidrs', name, object && serviceCIDREntry(object))
  }

  /** The whole text, in pieces. */
  *pieces(): Generator<string> {
    const { nodes, services, servicecidrs } = this.#sections
    // KPNG's own reader refuses a list that it does not know.
    const all = Object.entries({ nodes, services, ...(servicecidrs.size > 0 && { servicecidrs }) })
    yield* this.#options.format === 'json' ? jsonPieces(all) : yamlPieces(all)
  }

  #node(node: Node): Contents {
    const contents = nodeMessage(node)
    return this.#options.onlyKpng ? withoutAdditions(NODE, contents) : contents
  }

  #service(service: Service, slices: Iterable<EndpointSlice>): Contents {
    const entry = serviceEntry(service, slices)
    if (!this.#options.onlyKpng) return entry
    // KPNG writes session affinity, and fails on reading it.
    const { sessionaffinity: _, ...rest } = withoutAdditions(SERVICE, entry['service'] as Contents)
    const endpoints = (entry['endpoints'] as readonly Contents[]).map((each) => withoutAdditions(ENDPOINT_INFO, each))
    return { service: rest, endpoints }
  }

  #set(section: Section, key: string, contents: Contents | undefined): void {
    const entries = this.#sections[section]
    if (contents === undefined) entries.delete(key)
    else entries.set(key, this.#options.format === 'json' ? JSON.stringify(contents) : yamlListItem(contents))
  }
}

type Sections = readonly (readonly [name: string, entries: ReadonlyMap<string, string>])[]

function* yamlPieces(sections: Sections): Generator<string> {
  for (const [name, entries] of sections) {
    yield entries.size === 0 ? `${name}: []\n` : `${name}:\n`
    yield* inOrder(entries)
  }
}

function* jsonPieces(sections: Sections): Generator<string> {
  let before = '{'
  for (const [name, entries] of sections) {
    yield `${before}\n"${name}": [`
    let comma = ''
    for (const text of inOrder(entries)) {
      yield `${comma}\n${text}`
      comma = ','
    }
    yield entries.size === 0 ? ']' : '\n]'
    before = ','
  }
  yield '\n}\n'
}

function inOrder(entries: ReadonlyMap<string, string>): string[] {
  return [...entries].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, text]) => text)
}
