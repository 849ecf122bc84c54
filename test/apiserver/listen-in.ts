import type { Namespace } from '../lab/index.ts'
import type { ApiServer } from './api-server.ts'

/** Begins to listen in a network namespace: the socket is made there, and stays there. */
export async function listenIn(namespace: Namespace, api: ApiServer): Promise<void> {
  const { listening } = namespace.inNamespace(() => ({ listening: api.listen() }))
  await listening
}
