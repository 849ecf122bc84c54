import { ask } from '../../sluice/ask.ts'
import { matches } from './match.ts'
import type { StepKind } from './step.ts'
import { lookWithin } from './within.ts'

interface Http {
  readonly id: string
  /** Address that asks. */
  readonly source: string
  readonly url: string
  /** null: nobody listens. */
  readonly status: number | null
  /** Names in small letters. */
  readonly headers: Readonly<Record<string, string>>
  /** A part of the body, which is JSON; undefined: it is not compared. */
  readonly json: unknown
  /** Parts of the body, which is text. */
  readonly contains: readonly string[]
  readonly within: number
}

/** Milliseconds until a server counts as one that does not answer. */
const PATIENCE_MS = 4000

/** Characters of a text that are shown. */
const SHOWN = 2000

/** Asks an HTTP server. */
export const http: StepKind<Http> = {
  read(value, { id }) {
    const fields = value.fields(['id', 'source', 'url', 'status', 'headers', 'json', 'contains', 'within'])
    const headers = fields.headers.optional((all) => all.object() as Record<string, string>) ?? {}
    return {
      id: fields.id.optional((text) => text.text()) ?? id,
      source: fields.source.optional((address) => address.text()) ?? '127.0.0.1',
      url: fields.url.text(),
      status: fields.status.optional((status) => status.number()) ?? null,
      headers: Object.fromEntries(Object.entries(headers).map(([name, text]) => [name.toLowerCase(), text])),
      json: fields.json.raw,
      contains: fields.contains.texts(),
      within: fields.within.optional((time) => time.number()) ?? 0,
    }
  },
  plan({ source }, plan) {
    plan.source(source)
  },
  async run(context, { id, source, url, status, headers, json, contains, within }) {
    const { namespace } = context.bed.from(source)
    const lacking = (body: string) => contains.find((part) => !body.includes(part))
    const seen = await lookWithin(within, async () => {
      const answer = await ask(namespace, url, { timeoutMs: PATIENCE_MS })
      const found = typeof answer === 'string' ? { status: null, headers: {}, body: '' } : answer
      const isJson = json === undefined || matches(parsed(found.body), json)
      return {
        passed:
          found.status === status && matches(found.headers, headers) && isJson && lacking(found.body) === undefined,
        // All of a long text would hide what is missing.
        text: JSON.stringify(contains.length === 0 ? answer : { ...found, body: found.body.slice(0, SHOWN) }),
      }
    })
    const expected = JSON.stringify({ status, headers, json, contains })
    context.check({ id, name: `GET ${url} from ${source}`, passed: seen.passed, expected, seen: seen.text })
  },
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
