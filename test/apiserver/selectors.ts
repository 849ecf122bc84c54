import type { Manifest } from '../sluice/manifests.ts'
import { type Meta, metaOf } from './collections.ts'
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

/** The `fieldSelector` of a request: of the name and the namespace; empty for all. @throws ApiError */
export function fieldSelector(text: string): Selector {
  if (text === '') return () => true
  const terms = text.split(',').map(term)
  return (object) => terms.every((isMet) => isMet(metaOf(object)))
}

function term(text: string): (meta: Meta) => boolean {
  const [, field, operator, value = ''] = /^([^=!]+)(=|==|!=)([^=]*)$/.exec(text) ?? []
  if (field === undefined) throw new ApiError(400, `invalid field selector ${JSON.stringify(text)}`)
  const isMet = (actual = '') => (actual === value) === (operator !== '!=')
  if (field === 'metadata.name') return ({ name }) => isMet(name)
  if (field === 'metadata.namespace') return ({ namespace }) => isMet(namespace)
  throw new ApiError(400, `field label not supported: ${field}`)
}
