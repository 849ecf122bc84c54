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
  readonly within: number
}

interface Answer {
  readonly status: number | null
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** Runs in a process of the namespace, since a socket belongs to the namespace in which it is made. */
const FETCH = `
fetch(process.argv[1], { signal: AbortSignal.timeout(4000) })
  .then(async (r) => ({ status: r.status, headers: Object.fromEntries(r.headers), body: await r.text() }))
  .catch(() => ({ status: null }))
  .then((answer) => console.log(JSON.stringify(answer)))`

/** Asks an HTTP server. */
export const http: StepKind<Http> = {
  read(value, { id }) {
    const fields = value.fields(['id', 'source', 'url', 'status', 'headers', 'json', 'within'])
    const headers = fields.headers.optional((all) => all.object() as Record<string, string>) ?? {}
    return {
      id: fields.id.optional((text) => text.text()) ?? id,
      source: fields.source.optional((address) => address.text()) ?? '127.0.0.1',
      url: fields.url.text(),
      status: fields.status.optional((status) => status.number()) ?? null,
      headers: Object.fromEntries(Object.entries(headers).map(([name, text]) => [name.toLowerCase(), text])),
      json: fields.json.raw,
      within: fields.within.optional((time) => time.number()) ?? 0,
    }
  },
  plan({ source }, plan) {
    plan.source(source)
  },
  async run(context, { id, source, url, status, headers, json, within }) {
    const { namespace } = context.bed.from(source)
    const seen = await lookWithin(within, async () => {
      const { stdout } = await namespace.exec(process.execPath, ['-e', FETCH, url])
      const answer = JSON.parse(stdout) as Answer
      const isJson = json === undefined || matches(parsed(answer.body), json)
      return {
        passed: answer.status === status && matches(answer.headers ?? {}, headers) && isJson,
        text: stdout.trim(),
      }
    })
    const expected = JSON.stringify({ status, headers, json })
    context.check({ id, name: `GET ${url} from ${source}`, passed: seen.passed, expected, seen: seen.text })
  },
}

function parsed(text = ''): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
