import fc from 'fast-check'
import { expect, test } from 'vitest'
import { NftablesConnection } from '../../src/kernel/nftables/connection.ts'
import { FakeKernel } from '../../src/kernel/nftables/fake/fake-kernel.ts'
import { NftablesWatch } from '../../src/kernel/nftables/watch.ts'
import { arbitrarySteps } from '../property/arbitrary-cluster.ts'
import { Cluster, serversText } from '../property/cluster.ts'
import { expectIncrements, type Kernel } from '../property/increments.ts'
import { patience, runs } from '../property/runs.ts'

test(
  'the model comes to what it comes to from scratch',
  async () => {
    await fc.assert(
      fc.asyncProperty(arbitrarySteps, async (steps) => {
        const cluster = new Cluster()
        const [[initial = []] = [], ...rest] = steps.filter((step) => typeof step !== 'string')
        cluster.update(initial)
        await cluster.start()
        for (const updates of rest) {
          for (const changes of updates) cluster.update(changes)
          await cluster.changes()
          const fresh = await Cluster.of(cluster.manifests.values())
          expect(serversText(cluster)).toEqual(serversText(fresh))
          expect(cluster.nodeAddresses).toEqual(fresh.nodeAddresses)
        }
      }),
      runs(150),
    )
  },
  patience(3000),
)

function fakeKernel(): Kernel {
  const fake = new FakeKernel()
  return {
    connect: () => new NftablesConnection(fake.transport()),
    watch: (tables, portId) => new NftablesWatch(tables, portId, () => fake.watchTransport()),
  }
}

test(
  'the tables come to what they come to from scratch, and do what the promises say',
  async () => {
    await fc.assert(
      fc.asyncProperty(arbitrarySteps, fc.boolean(), async (steps, detectsPods) => {
        await expectIncrements(steps, { detectsPods, kernel: fakeKernel(), empty: fakeKernel() })
      }),
      runs(40),
    )
  },
  patience(5000),
)
