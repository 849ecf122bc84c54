/** Text that YAML takes for itself, and nothing else: neither a number nor any of the words below. */
const PLAIN = /^(?:[A-Za-z](?:[A-Za-z0-9._/-]*[A-Za-z0-9])?|\d{1,3}(?:\.\d{1,3}){3})$/
/** Words that YAML 1.1 or 1.2 takes for null or a boolean, in small letters. */
const WORDS: ReadonlySet<string> = new Set(['null', 'true', 'false', 'yes', 'no', 'on', 'off', 'y', 'n'])
/** Not printable in YAML, or a line break there (YAML 1.1, sections 5.1 and 5.4), though JSON leaves them as they are. */
const UNPRINTABLE = /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g

/**
 * Plain data as one entry of a YAML list, in block style, with a line feed at the end. The dash is in the first column. Made
 * here since `yaml` takes twenty times as long, which counts for a whole cluster.
 */
export function yamlListItem(value: unknown): string {
  const lines: string[] = []
  writeEntry('- ', '  ', value, lines)
  return `${lines.join('\n')}\n`
}

/** @param lead what stands in front of the entry's first line, and `indent` of the others, both as wide */
function writeEntry(lead: string, indent: string, value: unknown, lines: string[]): void {
  if (Array.isArray(value)) writeList(lead, indent, value, lines)
  else if (typeof value === 'object' && value !== null) writeMapping(lead, indent, value, lines)
  else lines.push(`${lead}${scalar(value)}`)
}

function writeList(lead: string, indent: string, list: readonly unknown[], lines: string[]): void {
  if (list.length === 0) lines.push(`${lead}[]`)
  let before = lead
  for (const entry of list) {
    writeEntry(`${before}- `, `${indent}  `, entry, lines)
    before = indent
  }
}

function writeMapping(lead: string, indent: string, mapping: object, lines: string[]): void {
  const fields = Object.entries(mapping).filter(([, value]) => value !== undefined)
  if (fields.length === 0) lines.push(`${lead}{}`)
  let before = lead
  for (const [name, value] of fields) {
    const key = `${before}${scalar(name)}:`
    before = indent
    if (isFilled(value)) {
      lines.push(key)
      // A list may stand right under its key, as kubectl and KPNG write it.
      const below = Array.isArray(value) ? indent : `${indent}  `
      writeEntry(below, below, value, lines)
    } else writeEntry(`${key} `, '', value, lines)
  }
}

function isFilled(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.values(value).some((entry) => entry !== undefined)
}

function scalar(value: unknown): string {
  if (typeof value !== 'string') return String(value)
  if (PLAIN.test(value) && !WORDS.has(value.toLowerCase())) return value
  return JSON.stringify(value).replace(UNPRINTABLE, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
