import type { Namespace } from '../lab/index.ts'
import { type Answer, ask } from '../sluice/ask.ts'

/** Gets a URL from a namespace; the status is 0 when nobody answers. */
export async function get(from: Namespace, url: string): Promise<Answer> {
  const answer = await ask(from, url)
  return typeof answer === 'string' ? { status: 0, headers: {}, body: '' } : answer
}
