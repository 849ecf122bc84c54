import fc from 'fast-check'
import { expect, test } from 'vitest'
import { arbitraryObjects, NODE } from '../property/arbitrary-cluster.ts'
import { Cluster } from '../property/cluster.ts'
import { expectedOutcome } from '../property/oracle.ts'
import { allPackets, ServerReader } from '../property/packets.ts'
import { patience, runs } from '../property/runs.ts'

const PACKETS = [...allPackets()]

test(
  'virtual servers choose as the promises say (B to E)',
  async () => {
    await fc.assert(
      fc.asyncProperty(arbitraryObjects, async (objects) => {
        const cluster = await Cluster.of(objects)
        const reader = new ServerReader(cluster)
        const world = {
          objects: [...cluster.manifests.values()],
          nodeName: NODE,
          detectsPods: true,
        }
        for (const packet of PACKETS) {
          expect({ packet, outcome: reader.outcome(packet) }).toEqual({
            packet,
            outcome: expectedOutcome(world, packet),
          })
        }
      }),
      runs(100),
    )
  },
  patience(3000),
)
