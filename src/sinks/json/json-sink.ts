import { once } from 'node:events'
import type { Writable } from 'node:stream'
import { kpngJson } from '../../model/wire/kpng-json.ts'
import { fullState } from '../../sink/full-state.ts'
import type { Sink } from '../../sink/sink.ts'

/**
 * Writes the whole state at each change, as KPNG's `kpng-json`: a line of JSON for each Service with its endpoints, in the order of
 * their keys. An empty line ends a state, which tools that read JSON from a stream skip.
 */
export function jsonSink(output: Writable): Sink {
  return fullState('json', async ({ services }) => {
    const lines = services.map((local) => `${JSON.stringify(kpngJson(local))}\n`)
    // A reader that is slow gets the state that is then, instead of each on the way.
    if (!output.write(`${lines.join('')}\n`)) await once(output, 'drain')
  })
}
