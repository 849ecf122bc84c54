import fc from 'fast-check'
import { afterAll, beforeAll, test } from 'vitest'
import { NETLINK } from '../../src/kernel/netlink/constants.ts'
import { NetlinkSocket } from '../../src/kernel/netlink/socket.ts'
import { NftablesConnection } from '../../src/kernel/nftables/connection.ts'
import { NFNLGRP_NFTABLES } from '../../src/kernel/nftables/constants.ts'
import { NftablesWatch } from '../../src/kernel/nftables/watch.ts'
import { cleanupNft } from '../../src/sinks/nft/cleanup.ts'
import { Lab, type Namespace } from '../lab/index.ts'
import { arbitrarySteps } from '../property/arbitrary-cluster.ts'
import { expectIncrements, type Kernel } from '../property/increments.ts'
import { patience, runs } from '../property/runs.ts'

let lab: Lab
let node: Namespace
let fresh: Namespace

beforeAll(async () => {
  lab = await Lab.create()
  node = await lab.namespace('node')
  fresh = await lab.namespace('fresh')
})

afterAll(async () => {
  await lab.close()
})

function kernelOf(namespace: Namespace): Kernel {
  const open = (groups: number[]) =>
    namespace.inNamespace(() => new NetlinkSocket({ protocol: NETLINK.NETFILTER, groups }))
  return {
    connect: () => new NftablesConnection(open([])),
    watch: (tables, portId) => new NftablesWatch(tables, portId, () => open([NFNLGRP_NFTABLES])),
  }
}

test(
  "the kernel's tables come to what they come to from scratch, and do what the promises say",
  async () => {
    const kernels = { kernel: kernelOf(node), empty: kernelOf(fresh) }
    await fc.assert(
      fc.asyncProperty(arbitrarySteps, fc.boolean(), async (steps, detectsPods) => {
        for (const { connect } of Object.values(kernels)) await cleanupNft(connect())
        await expectIncrements(steps, { detectsPods, ...kernels })
      }),
      runs(40),
    )
  },
  patience(20_000),
)
