import type { HealthPage, ProxyHealth } from './health.ts'
import type { HttpAnswer, HttpQuestion } from './http-listener.ts'
import { HttpServer, type HttpServerOptions } from './http-server.ts'

/** kube-proxy's `/healthz` and `/livez`, and our `/readyz`. */
const PAGES = {
  '/healthz': (health: ProxyHealth): HealthPage => health.healthz(),
  '/livez': (health: ProxyHealth): HealthPage => health.livez(),
  '/readyz': (health: ProxyHealth): HealthPage => health.readyz(),
} as const

/** A path that health is served on. */
export type HealthPath = keyof typeof PAGES

export interface HealthServerOptions extends Pick<HttpServerOptions, 'address' | 'log' | 'listen'> {
  readonly health: ProxyHealth
  /** Told of each answer, to be counted. */
  readonly onAnswer?: ((path: HealthPath, status: 200 | 503) => void) | undefined
}

/** Answers for the proxy's health. */
export class HealthServer extends HttpServer {
  constructor({ health, onAnswer, ...options }: HealthServerOptions) {
    const answer = (question: HttpQuestion) => healthAnswer(health, question, onAnswer)
    super({ ...options, what: 'health', object: 'healthz', answer })
  }
}

/** 200 or 503 with a report; 404 on any other path. Every method is answered alike. */
function healthAnswer(
  health: ProxyHealth,
  { path }: HttpQuestion,
  onAnswer: HealthServerOptions['onAnswer'],
): HttpAnswer {
  const headers = { 'X-Content-Type-Options': 'nosniff' }
  if (!isHealthPath(path)) {
    const body = `there is no ${path}; there are ${Object.keys(PAGES).join(', ')}\n`
    return { status: 404, headers: { ...headers, 'Content-Type': 'text/plain; charset=utf-8' }, body }
  }
  const page = PAGES[path](health)
  const status = page.isWell ? 200 : 503
  onAnswer?.(path, status)
  return { status, headers: { ...headers, 'Content-Type': 'application/json' }, body: JSON.stringify(page.report) }
}

function isHealthPath(path: string): path is HealthPath {
  return Object.hasOwn(PAGES, path)
}
