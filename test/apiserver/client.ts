import http from 'node:http'
import https from 'node:https'

/** Fields of what a test looks at in an answer. */
export interface Body {
  readonly kind?: string
  readonly code?: number
  readonly reason?: string
  readonly message?: string
  readonly metadata?: {
    readonly resourceVersion?: string
    readonly continue?: string
    readonly remainingItemCount?: number
    readonly name?: string
    readonly labels?: Readonly<Record<string, string>>
    readonly annotations?: Readonly<Record<string, string>>
  }
  readonly items?: readonly { readonly metadata: { readonly name: string; readonly resourceVersion: string } }[]
  readonly details?: { readonly causes?: readonly { readonly reason: string }[] }
}

/** Where an API server is, and who asks it. */
export interface Endpoint {
  readonly url: string
  /** The authority of its certificate, PEM; absent for plain HTTP, and for one that Node trusts. */
  readonly ca?: Buffer | undefined
  /** A bearer token; absent for nobody. */
  readonly token?: string | undefined
}

export interface Answer {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  /** Empty when the answer is no JSON. */
  readonly body: Body
  readonly text: string
}

export interface WatchEvent {
  readonly type: string
  readonly object: Body
}

export type Query = Readonly<Record<string, string>>

/** A client as plain as can be, so that tests of the server rest on nothing of ours. */
export async function ask(
  api: Endpoint,
  path: string,
  query: Query = {},
  options: { readonly method?: string; readonly body?: unknown; readonly contentType?: string } = {},
): Promise<Answer> {
  const { body, method = body === undefined ? 'GET' : 'POST', contentType = 'application/json' } = options
  const headers = body === undefined ? {} : { 'content-type': contentType }
  const response = await send(api, urlOf(api, path, query), { method, headers }, body)
  let text = ''
  for await (const part of response.setEncoding('utf8')) text += part as string
  const isJson = response.headers['content-type']?.startsWith('application/json') === true
  const parsed = isJson ? (JSON.parse(text) as Body) : {}
  return { status: response.statusCode ?? 0, headers: response.headers, body: parsed, text }
}

/** An open watch, and what it told so far. */
export class WatchClient {
  readonly events: WatchEvent[] = []
  /** What came behind the last line. */
  rest = ''
  /** Undefined while it is open. */
  end: 'ended' | 'broken' | undefined
  readonly #response: http.IncomingMessage

  private constructor(response: http.IncomingMessage) {
    this.#response = response
    response.setEncoding('utf8').on('data', (part: string) => {
      const lines = (this.rest + part).split('\n')
      this.rest = lines.pop() ?? ''
      this.events.push(...lines.map((line) => JSON.parse(line) as WatchEvent))
    })
    response.on('end', () => {
      this.end = 'ended'
    })
    response.on('error', () => {
      this.end = 'broken'
    })
  }

  static async open(api: Endpoint, path: string, query: Query = {}): Promise<WatchClient> {
    return new WatchClient(await send(api, urlOf(api, path, { watch: '1', ...query }), {}))
  }

  /** `TYPE name`, or `TYPE version` of a bookmark. */
  get told(): string[] {
    return this.events.map(({ type, object }) => {
      return `${type} ${object.metadata?.name ?? object.metadata?.resourceVersion ?? object.code ?? ''}`
    })
  }

  close(): void {
    this.#response.destroy()
  }
}

function urlOf(api: Endpoint, path: string, query: Query): URL {
  const url = new URL(path, api.url)
  url.search = new URLSearchParams(query).toString()
  return url
}

async function send(
  { ca, token }: Endpoint,
  url: URL,
  options: http.RequestOptions,
  body?: unknown,
): Promise<http.IncomingMessage> {
  const { request } = url.protocol === 'https:' ? https : http
  return new Promise((resolve, reject) => {
    const sent = request(url, { agent: false, ...options, ca })
      .on('response', resolve)
      .on('error', reject)
    if (token !== undefined) sent.setHeader('authorization', `Bearer ${token}`)
    sent.end(body === undefined ? undefined : JSON.stringify(body))
  })
}
