import { Fields, isName } from './fields.ts'
import type { KeyFilter } from './kept-keys.ts'
import { describe, foundInstead, type Report } from './report.ts'

/** What Sluice reads of metav1.ObjectMeta. */
export interface Metadata {
  readonly name: string
  /** Empty for a Node. */
  readonly namespace: string
  readonly fields: Fields
}

export const MAX_NAME = 253
export const MAX_LABEL = 63
const NAME_ACCEPTED = 'a name of letters, digits, "-", "_" and ".", at most'

/** Shared by all objects that have no labels or annotations that count. */
export const NO_LABELS: Readonly<Record<string, string>> = Object.freeze({})

/**
 * Reads name and namespace, and tells the report which object it is. A missing namespace is `default`.
 *
 * @returns undefined when the object has no usable name or namespace; that is reported.
 */
export function readMetadata(object: Fields, kind: string, scope: 'namespaced' | 'cluster', report: Report) {
  const fields = object.map('metadata')
  if (fields === undefined) return object.error('metadata', 'a mapping with a name')
  return readIdentity(fields, kind, scope, report)
}

/** {@link readMetadata} for a mapping that has `name` and `namespace` itself, as KPNG's objects do. */
export function readIdentity(
  fields: Fields,
  kind: string,
  scope: 'namespaced' | 'cluster',
  report: Report,
): Metadata | undefined {
  const name = fields.raw('name')
  if (!isName(name, MAX_NAME)) {
    if (name !== undefined) report.rename(`${kind} ${describe(name)}`)
    // YAML reads a bare `y` or `80` as something else than text.
    const quoted = typeof name === 'boolean' || typeof name === 'number' ? ', in quotes' : ''
    return fields.error('name', `${NAME_ACCEPTED} ${MAX_NAME} characters${quoted}`)
  }
  if (scope === 'cluster') {
    report.identify(`${kind} ${name}`)
    return { name, namespace: '', fields }
  }
  const namespace = fields.raw('namespace') ?? 'default'
  if (namespace === '') return named(kind, 'default', name, fields, report)
  if (!isName(namespace, MAX_LABEL)) {
    report.rename(`${kind} ${describe(namespace)}/${name}`)
    return fields.error('namespace', `${NAME_ACCEPTED} ${MAX_LABEL} characters`)
  }
  return named(kind, namespace, name, fields, report)
}

function named(kind: string, namespace: string, name: string, fields: Fields, report: Report): Metadata {
  report.identify(`${kind} ${namespace}/${name}`)
  return { name, namespace, fields }
}

/**
 * Labels or annotations that are kept; the others are not, because memory matters. A value that is no text is kept as text with a warning,
 * because for some labels the mere presence counts (promises 3 and 4) and forgetting one would program the Service.
 */
export function readLabels(
  fields: Fields,
  key: string,
  isKept: KeyFilter,
  report: Report,
): Readonly<Record<string, string>> {
  const all = fields.map(key)
  if (all === undefined) return NO_LABELS
  let kept: Record<string, string> | undefined
  for (const label of all.keys()) {
    if (!isKept(label)) continue
    kept ??= {}
    kept[label] = labelText(all.raw(label), () => `${fields.path(key)}[${JSON.stringify(label)}]`, report)
  }
  return kept ?? NO_LABELS
}

function labelText(value: unknown, path: () => string, report: Report): string {
  if (typeof value === 'string') return value
  if (value === undefined) return ''
  report.warning(path(), foundInstead(value, 'text (quote it)'))
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : ''
}
