import type { EventNote, EventSubject } from '../observe/events.ts'
import type { StatusProblem } from '../observe/status.ts'

/** The apiVersion of each kind that a problem can be about. */
const API_VERSIONS: Readonly<Record<string, string>> = {
  Service: 'v1',
  Node: 'v1',
  EndpointSlice: 'discovery.k8s.io/v1',
  ServiceCIDR: 'networking.k8s.io/v1',
}

/** Problems of this node's proxy itself, by what they are filed under: kube-proxy's reasons, but for the last. */
const NODE_REASONS: Readonly<Record<string, string>> = {
  healthz: 'FailedToStartProxierHealthcheck',
  metrics: 'FailedToStartMetricServer',
  conntrack: 'FailedToSetConntrack',
}

/** Why something is not served, as an Event says it; the first that fits counts. */
const REASONS: readonly {
  readonly fits: (problem: StatusProblem) => boolean
  readonly reason: string
  readonly action: string
}[] = [
  {
    fits: ({ field }) => field === 'spec.healthCheckNodePort',
    reason: 'FailedToStartServiceHealthcheck',
    action: 'Listen',
  },
  { fits: ({ kind }) => kind === 'wrong-family', reason: 'KubeProxyIncorrectIPVersion', action: 'GatherEndpoints' },
  { fits: ({ kind }) => kind === 'conflict', reason: 'DestinationConflict', action: 'ServeService' },
  { fits: ({ object }) => !object.includes(' '), reason: 'FailedToServeService', action: 'ServeService' },
  { fits: ({ severity }) => severity === 'error', reason: 'InvalidObject', action: 'ReadObject' },
  { fits: () => true, reason: 'InvalidField', action: 'ReadObject' },
]

const STARTING = 'Starting'

/** Every reason that an Event can have. */
export const EVENT_REASONS: readonly string[] = [
  STARTING,
  ...Object.values(NODE_REASONS),
  ...REASONS.map(({ reason }) => reason),
]

/** `Kind namespace/name` or `Kind name`, as sources name objects. */
const OBJECT = /^([A-Za-z]+) (?:([a-z0-9.-]+)\/)?([a-z0-9.-]+)$/
/** `namespace/name` or `namespace/name:port`, as a Service is named by what serves it. */
const SERVICE = /^([a-z0-9.-]+)\/([a-z0-9.-]+)(?::[a-z0-9.-]+)?$/

/** What whoever looks at a node's object is to know: the proxy started, as kube-proxy tells it. */
export function startingEvent(nodeName: string): EventNote {
  return { type: 'Normal', reason: STARTING, action: 'StartKubeProxy', note: '', regarding: nodeSubject(nodeName) }
}

/** The Event that tells of a problem; undefined for a problem that is about no object of the cluster. */
export function problemEvent(problem: StatusProblem, nodeName: string): EventNote | undefined {
  const { object, field, message } = problem
  const nodeReason = Object.hasOwn(NODE_REASONS, object) ? NODE_REASONS[object] : undefined
  if (nodeReason !== undefined) {
    const regarding = nodeSubject(nodeName)
    return { type: 'Warning', reason: nodeReason, action: 'StartKubeProxy', note: message, regarding }
  }
  const regarding = subjectOf(object)
  const found = REASONS.find(({ fits }) => fits(problem))
  if (regarding === undefined || found === undefined) return undefined
  const { reason, action } = found
  const note = `node ${nodeName}: ${field === '' ? message : `${field}: ${message}`}`
  return { type: 'Warning', reason, action, note, regarding }
}

function nodeSubject(name: string): EventSubject {
  return { apiVersion: 'v1', kind: 'Node', namespace: '', name }
}

function subjectOf(object: string): EventSubject | undefined {
  const [, kind = '', namespace = '', name = ''] = OBJECT.exec(object) ?? []
  const apiVersion = Object.hasOwn(API_VERSIONS, kind) ? API_VERSIONS[kind] : undefined
  if (apiVersion !== undefined) return { apiVersion, kind, namespace, name }
  const [, ofService = '', service = ''] = SERVICE.exec(object) ?? []
  return service === '' ? undefined : { apiVersion: 'v1', kind: 'Service', namespace: ofService, name: service }
}
