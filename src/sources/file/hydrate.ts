import type { Endpoint, EndpointSlice } from '../../model/endpoint-slice.ts'
import type { Node } from '../../model/node.ts'
import type { ClusterObject } from '../../model/object.ts'
import { NO_HINTS } from '../../model/parse/endpoint-slice.ts'
import { NO_LABELS } from '../../model/parse/metadata.ts'
import type { Service } from '../../model/service.ts'
import type { UnitContent } from './unit.ts'

/**
 * Makes objects that came as JSON from the worker small again: what a hundred thousand of them have in common (empty lists
 * and labels, names of nodes and zones) is held once. JSON also loses what is undefined.
 */
export class Hydrator {
  readonly #texts = new Map<string, string>()

  content({ objects, problems, failed, skipped }: UnitContent): UnitContent {
    return { objects: this.#objects(objects), problems: list(problems), failed: list(failed), skipped: list(skipped) }
  }

  #objects(objects: readonly ClusterObject[]): readonly ClusterObject[] {
    return objects.map((object): ClusterObject => {
      switch (object.kind) {
        case 'Service':
          return { kind: 'Service', value: this.#service(object.value) }
        case 'EndpointSlice':
          return { kind: 'EndpointSlice', value: this.#slice(object.value) }
        case 'Node':
          return { kind: 'Node', value: this.#node(object.value) }
        case 'ServiceCIDR':
          return object
      }
    })
  }

  #service(service: Service): Service {
    return {
      namespace: this.#once(service.namespace),
      name: service.name,
      type: service.type,
      creationTimestamp: service.creationTimestamp,
      clusterIPs: list(service.clusterIPs),
      externalIPs: list(service.externalIPs),
      loadBalancerIPs: list(service.loadBalancerIPs),
      ports: service.ports.map(({ name, protocol, port, nodePort, targetPort }) => ({
        name: this.#once(name),
        protocol,
        port,
        nodePort,
        targetPort,
      })),
      externalTrafficPolicy: service.externalTrafficPolicy,
      internalTrafficPolicy: service.internalTrafficPolicy,
      clientIPAffinitySeconds: service.clientIPAffinitySeconds,
      loadBalancerSourceRanges: list(service.loadBalancerSourceRanges),
      healthCheckNodePort: service.healthCheckNodePort,
      labels: labels(service.labels),
      annotations: labels(service.annotations),
    }
  }

  #slice(slice: EndpointSlice): EndpointSlice {
    return {
      ...slice,
      namespace: this.#once(slice.namespace),
      endpoints: slice.endpoints.map((one) => this.#endpoint(one)),
    }
  }

  #endpoint(endpoint: Endpoint): Endpoint {
    return {
      ...endpoint,
      nodeName: this.#once(endpoint.nodeName),
      zone: this.#once(endpoint.zone),
      hintZones: hints(endpoint.hintZones),
      hintNodes: hints(endpoint.hintNodes),
    }
  }

  #node(node: Node): Node {
    return { ...node, labels: labels(node.labels), annotations: labels(node.annotations) }
  }

  #once(text: string): string {
    const known = this.#texts.get(text)
    if (known !== undefined) return known
    this.#texts.set(text, text)
    return text
  }
}

const EMPTY: readonly never[] = Object.freeze([])

function list<T>(entries: readonly T[]): readonly T[] {
  return entries.length === 0 ? EMPTY : entries
}

function hints(names: readonly string[]): readonly string[] {
  return names.length === 0 ? NO_HINTS : names
}

function labels(given: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  for (const _ in given) return given
  return NO_LABELS
}
