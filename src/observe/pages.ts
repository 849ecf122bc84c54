import type { AnswerHttp, HttpAnswer } from './http-listener.ts'

/** What is served on one path. */
export interface Page {
  readonly contentType: string
  /** Asked at each request. A failure is answered with status 500. */
  readonly body: () => string | Promise<string>
}

/** Pages by their path. */
export type Pages = Readonly<Record<string, Page>>

/** A page whose text never changes. */
export function textPage(text: string): Page {
  return { contentType: 'text/plain; charset=utf-8', body: () => text }
}

/** Serves pages to be read: 404 for a path that there is not, 405 for another method than GET and HEAD. */
export function pageAnswers(pages: Pages): AnswerHttp {
  return async ({ method, path }) => {
    const page = Object.hasOwn(pages, path) ? pages[path] : undefined
    if (page === undefined) return told(404, `there is no ${path}; there are ${Object.keys(pages).join(', ')}`)
    if (method !== 'GET' && method !== 'HEAD') return told(405, `${method} is not accepted`, { Allow: 'GET, HEAD' })
    return { status: 200, headers: headersOf(page.contentType), body: await page.body() }
  }
}

function told(status: number, text: string, more: Readonly<Record<string, string>> = {}): HttpAnswer {
  return { status, headers: { ...headersOf('text/plain; charset=utf-8'), ...more }, body: `${text}\n` }
}

function headersOf(contentType: string): Readonly<Record<string, string>> {
  return { 'Content-Type': contentType, 'X-Content-Type-Options': 'nosniff' }
}
