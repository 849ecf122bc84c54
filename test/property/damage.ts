import fc from 'fast-check'

/** Block YAML of a value of mappings, lists and scalars. */
export function blockYaml(value: unknown, indent = ''): string {
  if (Array.isArray(value)) return value.map((inner) => `\n${indent}-${blockYaml(inner, `${indent}  `)}`).join('')
  if (typeof value !== 'object' || value === null) return ` ${JSON.stringify(value)}`
  const lines = Object.entries(value).map(([key, inner]) => `\n${indent}${key}:${blockYaml(inner, `${indent}  `)}`)
  return lines.join('')
}

const SNIPPETS = [
  '"',
  "'",
  '{',
  '}',
  '[',
  ']',
  ':',
  '\n',
  '\t',
  '- ',
  '&a ',
  '*a',
  '!!',
  '|',
  '>',
  '%',
  '#',
  '\0',
  '<<: ',
]

const snippet = fc.oneof(
  fc.constantFrom(...SNIPPETS),
  fc.string({ unit: 'binary', maxLength: 5 }),
  fc.constant('x'.repeat(5000)),
)

const damage = fc.record({ at: fc.double({ min: 0, max: 1, noNaN: true }), cut: fc.nat(40), snippet })

/** The text of one of the objects, as YAML or JSON, in which a few places are cut out or written over. */
export function arbitraryDamage(objects: readonly unknown[]): fc.Arbitrary<string> {
  const texts = objects.flatMap((object) => [blockYaml(object), JSON.stringify(object)])
  return fc
    .tuple(fc.constantFrom(...texts), fc.array(damage, { minLength: 1, maxLength: 4 }))
    .map(([text, damages]) => damages.reduce(damaged, text))
}

function damaged(text: string, { at, cut, snippet: inserted }: { at: number; cut: number; snippet: string }): string {
  const from = Math.floor(at * text.length)
  return text.slice(0, from) + inserted + text.slice(from + cut)
}
