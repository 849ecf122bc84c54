import { expect, test } from 'vitest'
import { NETLINK } from '../../src/kernel/netlink/constants.ts'
import { NetlinkSocket } from '../../src/kernel/netlink/socket.ts'
import { NftablesConnection } from '../../src/kernel/nftables/connection.ts'
import { expectedAnswers, playCases } from '../fixtures/nf-tables-cases.ts'
import { Lab } from '../lab/index.ts'

test('this kernel answers as the fake one does', async () => {
  await using lab = await Lab.create()
  const node = await lab.node('node-1', { addresses: ['192.168.50.11/24'] })
  const open = () => node.inNamespace(() => new NetlinkSocket({ protocol: NETLINK.NETFILTER }))
  const connection = new NftablesConnection(open())
  const transport = open()
  try {
    expect(await playCases(transport, () => connection.generation())).toEqual(expectedAnswers())
  } finally {
    transport.close()
    connection.close()
  }
})
