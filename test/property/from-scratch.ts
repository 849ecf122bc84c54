import { NftablesConnection } from '../../src/kernel/nftables/connection.ts'
import { FakeKernel } from '../../src/kernel/nftables/fake/fake-kernel.ts'
import { NftablesWatch } from '../../src/kernel/nftables/watch.ts'
import { type Cidr, parseCidr } from '../../src/model/ip.ts'
import { NftPlane } from '../../src/sinks/nft/plane.ts'
import type { Namespace } from '../lab/index.ts'
import type { Manifest } from '../sluice/manifests.ts'
import { Cluster } from './cluster.ts'
import { type Meanings, readMeanings } from './meaning.ts'

/** What the tables in a namespace do. @throws Error when they change while they are read, or make no sense. */
export async function meaningsIn(namespace: Namespace): Promise<Meanings> {
  const connection = namespace.inNamespace(() => NftablesConnection.open())
  try {
    return await readMeanings(connection)
  } finally {
    connection.close()
  }
}

/** What tables do that are made at once of these objects, on a kernel in memory, for `NODE`. */
export async function meaningsFromScratch(
  objects: Iterable<Manifest>,
  clusterCIDRs: readonly string[],
): Promise<Meanings> {
  const fake = new FakeKernel()
  const plane = new NftPlane({
    clusterCIDRs: clusterCIDRs.flatMap((text): Cidr[] => [parseCidr(text)].filter((cidr) => cidr !== undefined)),
    connection: new NftablesConnection(fake.transport()),
    watch: (tables, portId) => new NftablesWatch(tables, portId, () => fake.watchTransport()),
  })
  try {
    await plane.apply((await Cluster.of(objects)).whole())
    return await readMeanings(new NftablesConnection(fake.transport()))
  } finally {
    await plane.close()
  }
}
