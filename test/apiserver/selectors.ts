import type { Manifest } from '../sluice/manifests.ts'
import { metaOf } from './collections.ts'
import { ApiError } from './status.ts'

/** Whether an object is wanted. */
export type Selector = (object: Manifest) => boolean

type Requirement = (labels: Readonly<Record<string, string>>) => boolean

const KEY = String.raw`(?:[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?`
const VALUE = String.raw`(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?)?`
const EXISTS = new RegExp(`^(!?)\\s*(${KEY})$`)
const EQUALS = new RegExp(`^(${KEY})\\s*(=|==|!=)\\s*(${VALUE})$`)
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
  const [, listed, word, list = ''] = IN.exec(text) ?? []
  if (listed === undefined) throw new ApiError(400, `unable to parse requirement: ${JSON.stringify(text)}`)
  const values = new Set(list.split(',').map((entry) => entry.trim()))
  return (labels) => values.has(labels[listed] ?? '\0') === (word === 'in')
}

/**
 * The `fieldSelector` of a request: of the name and the namespace, and of what Services have besides (core/v1
 * ServiceSelectableFields); empty for all. @throws ApiError
 */
export function fieldSelector(text: string): Selector {
  if (text === '') return () => true
  const terms = text.split(',').map(term)
  return (object) => terms.every((isMet) => isMet(object))
}

function term(text: string): Selector {
  const [, field, operator, value = ''] = /^([^=!]+)(=|==|!=)([^=]*)$/.exec(text) ?? []
  if (field === undefined) throw new ApiError(400, `invalid field selector ${JSON.stringify(text)}`)
  const read = FIELDS[field]
  if (read === undefined) throw new ApiError(400, `field label not supported: ${field}`)
  return (object) => ((read(object) ?? '') === value) === (operator !== '!=')
}

const FIELDS: Readonly<Record<string, (object: Manifest) => string | undefined>> = {
  'metadata.name': (object) => metaOf(object).name,
  'metadata.namespace': (object) => metaOf(object).namespace,
  'spec.clusterIP': (object) => specOf(object).clusterIP,
  'spec.type': (object) => specOf(object).type,
}

function specOf(object: Manifest): { readonly clusterIP?: string; readonly type?: string } {
  return object['spec'] ?? {}
}
