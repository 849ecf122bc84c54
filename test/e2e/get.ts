import type { Namespace } from '../lab/index.ts'

/** An HTTP response. */
export interface Response {
  /** 0 when nobody answered. */
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

const SCRIPT = `
const options = { signal: AbortSignal.timeout(2000) }
const response = await fetch(process.argv[1], options).catch(() => undefined)
const headers = Object.fromEntries(response?.headers ?? [])
console.log(JSON.stringify({ status: response?.status ?? 0, headers, body: (await response?.text()) ?? '' }))
`

/** Gets a URL from a namespace. The lab's own requests understand only the lab's own servers. */
export async function get(from: Namespace, url: string): Promise<Response> {
  const { stdout } = await from.exec(process.execPath, ['--input-type=module', '-e', SCRIPT, url])
  return JSON.parse(stdout) as Response
}
