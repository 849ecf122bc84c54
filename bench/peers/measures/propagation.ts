import { endpoint, virtualServer } from '../../support/services.ts'
import type { NodePath, PeerLab } from '../lab.ts'
import { OverTime, type Peer } from '../peer.ts'
import { type Cell, rounded } from '../results.ts'

const FIRST_PROBED = 3_950_000

/** How long it takes from the program's start, or the first request, until a connection obeys one changed slice. */
export async function measurePropagation(
  lab: PeerLab,
  path: NodePath,
  peer: Peer,
  cell: Cell,
  { boundMs, changes }: { boundMs: number; changes: number },
): Promise<void> {
  const { services, family } = cell
  const probe = (number: number) => virtualServer(services + 2, [endpoint(FIRST_PROBED + number, family)], family)
  let before = probe(0)
  await peer.prepare([{ before: undefined, after: before }], boundMs)()
  cell.propagation = []
  for (let change = 1; change <= changes; change++) {
    const after = probe(change)
    const program = peer.prepare([{ before, after }], boundMs)
    const wanted = after.pool.endpoints[0]?.address
    const start = performance.now()
    const [obeyed] = await Promise.all([
      lab.listener.reaches(
        lab.client,
        lab.through(path, after.address ?? '', after.port),
        (address) => address === wanted,
        boundMs,
      ),
      program(),
    ])
    if (obeyed === undefined) throw new OverTime('a changed slice', boundMs)
    cell.propagation.push(rounded(obeyed - start))
    before = after
  }
  await peer.prepare([{ before, after: undefined }], boundMs)()
}
