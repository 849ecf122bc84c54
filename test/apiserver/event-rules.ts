import { isDeepStrictEqual } from 'node:util'
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
  // Objects without a namespace have theirs in `default`; those of others may be anywhere.
  [
    'involvedObject.namespace',
    ({ metadata, regarding }) =>
      (regarding?.namespace ?? '') !== '' || ['default', 'kube-system'].includes(metadata?.namespace ?? ''),
  ],
  ['eventTime', ({ eventTime }) => eventTime !== undefined],
  ['type', ({ type }) => type === 'Normal' || type === 'Warning'],
  ['reason', ({ reason }) => isText(reason, 128)],
  ['action', ({ action }) => isText(action, 128)],
  // The name of this field before events.k8s.io.
  ['message', ({ note = '' }) => note.length <= 1024],
  ['reportingController', ({ reportingController: name }) => isText(name, 128) && QUALIFIED_NAME.test(name ?? '')],
  ['reportingInstance', ({ reportingInstance }) => isText(reportingInstance, 128)],
  ['series.count', ({ series }) => series === undefined || (series.count ?? 0) > 1],
  ['series.lastObservedTime', ({ series }) => series === undefined || series.lastObservedTime !== undefined],
]

const IMMUTABLE = [
  'eventTime',
  'type',
  'reason',
  'action',
  'note',
  'reportingController',
  'reportingInstance',
  'regarding',
  'related',
] as const

/** @throws ApiError as k8s.io/kubernetes/pkg/apis/core/validation refuses an Event. */
export function checkEvent(object: Manifest): void {
  const event: Event = object
  for (const time of [event.eventTime, event.series?.lastObservedTime]) {
    if (time !== undefined && !MICRO_TIME.test(time)) {
      throw new ApiError(
        400,
        `Event in version "v1" cannot be handled as a Event: parsing time ${JSON.stringify(time)}`,
      )
    }
  }
  const faults = RULES.filter(([, holds]) => !holds(event)).map(([field]) => field)
  if (faults.length > 0) throw invalid(event, faults)
}

/** But for `series` an Event stays what it was made. @throws ApiError */
export function checkEventChange(before: Manifest, after: Manifest): void {
  checkEvent(after)
  const changed = IMMUTABLE.filter((field) => !isDeepStrictEqual(before[field], after[field]))
  if (changed.length > 0) throw invalid(after, changed)
}

function invalid(event: Event, fields: readonly string[]): ApiError {
  const { name = '' } = event.metadata ?? {}
  const told = fields.map((field) => `${field}: Invalid value`).join(', ')
  const causes = fields.map((field) => ({ reason: 'FieldValueInvalid', message: 'Invalid value', field }))
  return new ApiError(422, `Event ${JSON.stringify(name)} is invalid: ${fields.length === 1 ? told : `[${told}]`}`, {
    details: { name, kind: 'Event', causes },
  })
}

function isText(value: string | undefined, max: number): boolean {
  return value !== undefined && value !== '' && value.length <= max
}
