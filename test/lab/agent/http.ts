import { once } from 'node:events'
import { createServer, request as httpRequest } from 'node:http'
import { answered, attempt, failed } from './attempt.ts'
import type { RequestSpec, Result, ServeSpec } from './protocol.ts'
import type { RunningServer } from './server.ts'
import { answerOver, listen, release } from './tcp.ts'

/** Serves HTTP: every request is answered with the JSON. */
export async function serveHttp(spec: ServeSpec): Promise<RunningServer> {
  const server = createServer((request, response) => {
    let length = 0
    request.on('data', (chunk: Buffer) => (length += chunk.length))
    request.on('end', () => {
      const answer = { ...answerOver(request.socket, spec.name), ...(length > 0 && { length }) }
      response.setHeader('content-type', 'application/json')
      response.end(`${JSON.stringify(answer)}\n`)
    })
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
    const call = httpRequest({
      method: spec.bytes === undefined ? 'GET' : 'POST',
      host: spec.address,
      port: spec.port,
      agent: false,
      ...(spec.sourceAddress !== undefined && { localAddress: spec.sourceAddress }),
      ...(spec.sourcePort !== undefined && { localPort: spec.sourcePort }),
    })
    call.on('error', (error) => settle(failed(error)))
    call.on('response', (response) => {
      let body = ''
      response.setEncoding('utf8').on('data', (text: string) => (body += text))
      response.on('error', (error) => settle(failed(error)))
      response.on('end', () => settle(answered(body)))
    })
    call.end(Buffer.alloc(spec.bytes ?? 0))
    return () => {
      if (call.socket) release(call.socket, spec)
      call.destroy()
    }
  })
}
