import type { Manifest } from '../sluice/manifests.ts'
import { type Collection, metaOf } from './collections.ts'
import { ApiError } from './status.ts'

/** Whether an object is wanted. */
export type Selector = (object: Manifest) => boolean

type Requirement = (labels: Readonly<Record<string, string>>) => boolean

const KEY = String.raw`(?:[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?`
const VALUE = String.raw`(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?)?`
const WHOLE_VALUE = new RegExp(`^${VALUE}$`)
const EXISTS = new RegExp(`^(!?)\\s*(${KEY})$`)
const EQUALS = new RegExp(`^(${KEY})\\s*(=|==|!=)\\s*(${VALUE})$`)
const ORDER = new RegExp(`^(${KEY})\\s*([<>])\\s*(-?\\d+)$`)
const IN = new RegExp(`^(${KEY})\\s+(in|notin)\\s*\\(([^()]*)\\)$`)

/** The `labelSelector` of a request; empty for all. @throws ApiError */
export function labelSelector(text: string): Selector {
  if (text.trim() === '') return () => true
  const requirements = text.split(/,(?![^(]*\))/).map((part) => requirement(part.trim()))
  return (object) => {
    const { labels = {} } = metaOf(object)
    return requirements.every((isMet) => isMet(labels))
  }
}

/** Of an absent label `!=` and `notin` are true. */
function requirement(text: string): Requirement {
  const [, not, present] = EXISTS.exec(text) ?? []
  if (present !== undefined) return (labels) => Object.hasOwn(labels, present) === (not === '')
  const [, key, operator, value = ''] = EQUALS.exec(text) ?? []
  if (key !== undefined) return (labels) => (labels[key] === value) === (operator !== '!=')
  const [, ordered, sign, than] = ORDER.exec(text) ?? []
  if (ordered !== undefined) return (labels) => isBeyond(labels[ordered], sign === '>', Number(than))
  const [, listed, word, list = ''] = IN.exec(text) ?? []
  const values = new Set(list.split(',').map((entry) => entry.trim()))
  if (listed === undefined || ![...values].every((one) => WHOLE_VALUE.test(one))) {
    throw new ApiError(400, `unable to parse requirement: ${JSON.stringify(text)}`)
  }
  return (labels) => values.has(labels[listed] ?? '\0') === (word === 'in')
}

/** A label that is absent, or is no number, is beyond nothing. */
function isBeyond(label: string | undefined, isGreater: boolean, than: number): boolean {
  if (label === undefined || !/^-?\d+$/.test(label)) return false
  return isGreater ? Number(label) > than : Number(label) < than
}

type Field = (object: Manifest) => string

const METADATA: Readonly<Record<string, Field>> = {
  'metadata.name': (object) => metaOf(object).name ?? '',
  'metadata.namespace': (object) => metaOf(object).namespace ?? '',
}

/** What can be selected by besides; an API server has more for Events. */
const FIELDS: Partial<Readonly<Record<Collection, Readonly<Record<string, Field>>>>> = {
  services: {
    'spec.clusterIP': (object) => specText(object, 'clusterIP', ''),
    'spec.type': (object) => specText(object, 'type', 'ClusterIP'),
  },
  nodes: { 'spec.unschedulable': (object) => specText(object, 'unschedulable', 'false') },
}

function specText(object: Manifest, field: string, unset: string): string {
  const value = (object['spec'] as Manifest | undefined)?.[field]
  return typeof value === 'string' || typeof value === 'boolean' ? String(value) : unset
}

/** The `fieldSelector` of a request; empty for all. @throws ApiError */
export function fieldSelector(text: string, collection: Collection): Selector {
  const parts = text.split(',').filter((part) => part !== '')
  const terms = parts.map((part) => term(part, { ...METADATA, ...FIELDS[collection] }))
  return (object) => terms.every((isMet) => isMet(object))
}

function term(text: string, fields: Readonly<Record<string, Field>>): Selector {
  const [, field, operator, value] = /^([^=!]+)(=|==|!=)([^=]*)$/.exec(text) ?? []
  if (field === undefined) throw new ApiError(400, `invalid selector: '${text}'; can't understand '${text}'`)
  const read = fields[field]
  if (read === undefined) throw new ApiError(400, `field label not supported: ${field}`)
  return (object) => (read(object) === value) === (operator !== '!=')
}
