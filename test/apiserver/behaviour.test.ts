import { afterAll, beforeAll, describe } from 'vitest'
import type { Cases } from './cases/bed.ts'
import { compactionCases } from './cases/compaction.ts'
import { eventCases } from './cases/events.ts'
import { listCases } from './cases/lists.ts'
import { rightCases } from './cases/rights.ts'
import { watchCases } from './cases/watches.ts'
import { CANDIDATES, type ServerUnderTest } from './server-under-test.ts'

/** In this order: what is forgotten is forgotten by all. */
const CASES: readonly Cases[] = [listCases, watchCases, rightCases, eventCases, compactionCases]

for (const { name, reason, start } of CANDIDATES) {
  describe.skipIf(reason !== undefined)(name, () => {
    let server: ServerUnderTest

    beforeAll(async () => {
      server = await start()
    }, 180_000)

    afterAll(async () => server.dispose(), 60_000)

    for (const cases of CASES) cases(() => server)
  })
}
