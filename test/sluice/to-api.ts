import type { Namespace } from '../lab/index.ts'
import { placeOf, SLUICE, SluiceProcess } from './process.ts'

/** A `sluice ... to-api` process in a namespace: a server of the local and the global API. */
export class ToApi extends SluiceProcess {
  /**
   * Starts it without waiting for anything.
   *
   * @param source the source's words and options
   * @param args further arguments
   */
  static spawn(namespace: Namespace, source: readonly string[], args: readonly string[] = []): ToApi {
    const place = placeOf()
    const words = [...source, 'to-api', ...place.args, ...args]
    return new ToApi(namespace.spawn(SLUICE, words, { stdio: ['ignore', 'pipe', 'pipe'] }), place)
  }
}
