import type { Namespace } from '../lab/index.ts'

/** An HTTP response. */
export interface Answer {
  readonly status: number
  /** Names in small letters. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

const SCRIPT = `
const [url, method, timeout] = process.argv.slice(1)
const outgoing = require('node:http').request(url, { method, agent: false, timeout: Number(timeout) }, (response) => {
  let body = ''
  response.setEncoding('utf8').on('data', (chunk) => { body += chunk })
  response.on('end', () => console.log(JSON.stringify({ status: response.statusCode, headers: response.headers, body })))
})
outgoing.on('timeout', () => outgoing.destroy(Object.assign(new Error(), { code: 'TIMEOUT' })))
outgoing.on('error', (error) => console.log(JSON.stringify(error.code)))
outgoing.end()`

/**
 * Asks a URL from a namespace, in a process there, since a socket belongs to the namespace in which it is made. The lab's own
 * requests understand only the lab's own servers.
 *
 * @param options milliseconds until it counts as unanswered, 2000 by default.
 * @returns the errno when nobody answers, for example `ECONNREFUSED`, or `TIMEOUT`.
 */
export async function ask(
  from: Namespace,
  url: string,
  { method = 'GET', timeoutMs = 2000 }: { readonly method?: string; readonly timeoutMs?: number } = {},
): Promise<Answer | string> {
  const { stdout } = await from.exec(process.execPath, ['-e', SCRIPT, url, method, String(timeoutMs)])
  return JSON.parse(stdout) as Answer | string
}
