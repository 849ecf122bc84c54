import { chmodSync, mkdirSync, unlinkSync } from 'node:fs'
import { createServer, request, type Server } from 'node:http'
import { join } from 'node:path'
import { closeServer, openServer } from './http-listener.ts'
import type { Status } from './status.ts'

/** - `INSTANCE_RUNNING`: another process has this instance. - `INSTANCE_ABSENT`: nobody answers. - `INSTANCE_SOCKET`: the socket cannot be used. */
export type ControlErrorCode = 'INSTANCE_RUNNING' | 'INSTANCE_ABSENT' | 'INSTANCE_SOCKET'

export class ControlError extends Error {
  readonly code: ControlErrorCode

  constructor(code: ControlErrorCode, message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'ControlError'
    this.code = code
  }
}

const ANSWER_TIMEOUT_MS = 5000

/** Path of an instance's socket. */
export function controlSocketPath(runDirectory: string, instance: string): string {
  return join(runDirectory, `${instance}.sock`)
}

export interface ControlHandlers {
  readonly status: () => Status
  /** Asked by `sluice cleanup`: end the process. */
  readonly stop: () => void
}

/**
 * Holds an instance's place and answers `sluice status` and `sluice cleanup` on a unix socket that only root can open.
 *
 * @throws ControlError `INSTANCE_RUNNING` when another process answers there; `INSTANCE_SOCKET`
 */
export async function serveControl(
  runDirectory: string,
  instance: string,
  handlers: ControlHandlers,
): Promise<{ close: () => Promise<void> }> {
  const path = controlSocketPath(runDirectory, instance)
  try {
    mkdirSync(runDirectory, { recursive: true, mode: 0o755 })
    const server = createServer((incoming, response) => {
      const isStop = incoming.method === 'POST' && incoming.url === '/stop'
      const isStatus = incoming.method === 'GET' && incoming.url === '/status'
      response.writeHead(isStop || isStatus ? 200 : 404, { 'content-type': 'application/json' })
      response.end(`${JSON.stringify(isStatus ? handlers.status() : {})}\n`, () => {
        if (isStop) handlers.stop()
      })
    })
    if (!(await listen(server, path))) {
      if (await isAnswered(path)) {
        throw new ControlError('INSTANCE_RUNNING', `instance "${instance}" is running already (it answers on ${path})`)
      }
      unlinkSync(path)
      if (!(await listen(server, path)))
        throw new ControlError('INSTANCE_RUNNING', `instance "${instance}" just started`)
    }
    chmodSync(path, 0o600)
    return { close: async () => closeServer(server) }
  } catch (error) {
    if (error instanceof ControlError) throw error
    throw new ControlError('INSTANCE_SOCKET', `cannot listen on ${path}: ${String(error)}`, error)
  }
}

/** Asks a running instance. @throws ControlError `INSTANCE_ABSENT`, `INSTANCE_SOCKET` */
export async function askInstance(
  runDirectory: string,
  instance: string,
  method: 'GET' | 'POST',
  url: string,
): Promise<string> {
  const path = controlSocketPath(runDirectory, instance)
  try {
    return await exchange(path, method, url)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'ENOENT' || code === 'ECONNREFUSED') {
      throw new ControlError(
        'INSTANCE_ABSENT',
        `no instance "${instance}" is running (nobody answers on ${path})`,
        error,
      )
    }
    throw new ControlError('INSTANCE_SOCKET', `cannot ask ${path}: ${String(error)}`, error)
  }
}

/** @returns false when the path is taken. */
async function listen(server: Server, path: string): Promise<boolean> {
  try {
    await openServer(server, { path })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return false
    throw error
  }
}

async function isAnswered(path: string): Promise<boolean> {
  try {
    await exchange(path, 'GET', '/status')
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ECONNREFUSED'
  }
}

async function exchange(socketPath: string, method: string, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath, method, path, agent: false, timeout: ANSWER_TIMEOUT_MS }, (response) => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        body += chunk
      })
      response.on('end', () => {
        resolve(body)
      })
    })
    outgoing.on('timeout', () => {
      outgoing.destroy(new Error(`no answer within ${ANSWER_TIMEOUT_MS} ms`))
    })
    outgoing.on('error', reject)
    outgoing.end()
  })
}
