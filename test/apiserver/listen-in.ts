import type { Namespace } from '../lab/index.ts'
import type { ApiServer } from './api-server.ts'

/** Begins to listen in a network namespace. The socket is made there, and stays there. */
export async function listenIn(namespace: Namespace, server: ApiServer): Promise<void> {
  let listening: Promise<void> | undefined
  namespace.inNamespace(() => {
    listening = server.listen()
  })
  await listening
}
