import { once } from 'node:events'
import { createServer, get } from 'node:http'
import { answered, attempt, failed } from './attempt.ts'
import type { RequestSpec, Result, ServeSpec } from './protocol.ts'
import type { RunningServer } from './server.ts'
import { answerOver, listen, release } from './tcp.ts'

/** Serves HTTP: every request is answered with the JSON. */
export async function serveHttp(spec: ServeSpec): Promise<RunningServer> {
  const server = createServer((request, response) => {
    response.setHeader('content-type', 'application/json')
    response.end(`${JSON.stringify(answerOver(request.socket, spec.name))}\n`)
  })
  const port = await listen(server, spec)
  return {
    port,
    async close() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

/** Makes one request over a connection of its own. */
export function requestHttp(spec: RequestSpec): Promise<Result> {
  return attempt(spec.timeoutMs, (settle) => {
    const request = get({
      host: spec.address,
      port: spec.port,
      agent: false,
      ...(spec.sourceAddress !== undefined && { localAddress: spec.sourceAddress }),
      ...(spec.sourcePort !== undefined && { localPort: spec.sourcePort }),
    })
    request.on('error', (error) => settle(failed(error)))
    request.on('response', (response) => {
      let body = ''
      response.setEncoding('utf8').on('data', (text: string) => (body += text))
      response.on('error', (error) => settle(failed(error)))
      response.on('end', () => settle(answered(body)))
    })
    return () => {
      if (request.socket) release(request.socket, spec)
      request.destroy()
    }
  })
}
