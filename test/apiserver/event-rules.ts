import type { Manifest } from '../sluice/manifests.ts'
import { ApiError } from './status.ts'

const MICRO_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/
const QUALIFIED_NAME = /^([a-z0-9.-]+\/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/

interface Event {
  readonly metadata?: { readonly name?: string; readonly namespace?: string }
  readonly eventTime?: string
  readonly type?: string
  readonly reason?: string
  readonly action?: string
  readonly note?: string
  readonly reportingController?: string
  readonly reportingInstance?: string
  readonly regarding?: { readonly namespace?: string }
  readonly series?: { readonly count?: number; readonly lastObservedTime?: string }
}

/** What the API server demands of an events.k8s.io/v1 Event. Each is a field and whether it is as it must be. */
const RULES: readonly (readonly [field: string, holds: (event: Event) => boolean])[] = [
  ['metadata.name', ({ metadata }) => isText(metadata?.name, 253) && SUBDOMAIN.test(metadata?.name ?? '')],
  // Objects without a namespace have theirs in `default`.
  [
    'metadata.namespace',
    ({ metadata, regarding }) => metadata?.namespace === (regarding?.namespace || (metadata?.namespace && 'default')),
  ],
  ['eventTime', ({ eventTime }) => MICRO_TIME.test(eventTime ?? '')],
  ['type', ({ type }) => type === 'Normal' || type === 'Warning'],
  ['reason', ({ reason }) => isText(reason, 128)],
  ['action', ({ action }) => isText(action, 128)],
  ['note', ({ note = '' }) => note.length <= 1024],
  ['reportingController', ({ reportingController: name }) => isText(name, 128) && QUALIFIED_NAME.test(name ?? '')],
  ['reportingInstance', ({ reportingInstance }) => isText(reportingInstance, 128)],
  [
    'series',
    ({ series }) => series === undefined || ((series.count ?? 0) > 1 && MICRO_TIME.test(series.lastObservedTime ?? '')),
  ],
]

/** @throws ApiError as k8s.io/kubernetes/pkg/apis/core/validation refuses an Event. */
export function checkEvent(object: Manifest): void {
  for (const [field, holds] of RULES) {
    if (!holds(object)) throw new ApiError(422, `Event is invalid: ${field}: Invalid value`)
  }
}

function isText(value: string | undefined, max: number): boolean {
  return value !== undefined && value !== '' && value.length <= max
}
