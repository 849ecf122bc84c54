import http from 'node:http'
import type { ApiServer } from './api-server.ts'

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
    readonly annotations?: Readonly<Record<string, string>>
  }
  readonly items?: readonly { readonly metadata: { readonly name: string } }[]
  readonly details?: { readonly causes?: readonly { readonly reason: string }[] }
}

export interface Answer {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly body: Body
}

export interface WatchEvent {
  readonly type: string
  readonly object: Body
}

export type Query = Readonly<Record<string, string>>

/** A client as plain as can be, so that tests of the server rest on nothing of ours. */
export async function ask(
  api: ApiServer,
  path: string,
  query: Query = {},
  options: { readonly headers?: http.OutgoingHttpHeaders; readonly body?: unknown } = {},
): Promise<Answer> {
  const method = options.body === undefined ? 'GET' : 'POST'
  const response = await send(urlOf(api, path, query), { method, headers: options.headers }, options.body)
  let text = ''
  for await (const part of response.setEncoding('utf8')) text += part as string
  return { status: response.statusCode ?? 0, headers: response.headers, body: JSON.parse(text) as Body }
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

  static async open(api: ApiServer, path: string, query: Query = {}): Promise<WatchClient> {
    return new WatchClient(await send(urlOf(api, path, { watch: '1', ...query }), {}))
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

function urlOf(api: ApiServer, path: string, query: Query): URL {
  const url = new URL(path, api.url)
  url.search = new URLSearchParams(query).toString()
  return url
}

async function send(url: URL, options: http.RequestOptions, body?: unknown): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = http
      .request(url, { agent: false, ...options })
      .on('response', resolve)
      .on('error', reject)
    request.end(body === undefined ? undefined : JSON.stringify(body))
  })
}
