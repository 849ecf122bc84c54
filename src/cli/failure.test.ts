import { expect, test } from 'vitest'
import { NetlinkError } from '../kernel/netlink/error.ts'
import { NftablesConnection } from '../kernel/nftables/connection.ts'
import { FakeKernel } from '../kernel/nftables/fake/fake-kernel.ts'
import { ControlError } from '../observe/control-socket.ts'
import { ListenError } from '../observe/http-listener.ts'
import { SourceError } from '../sources/error.ts'
import { EXIT } from './exit-codes.ts'
import { exitCodeOf, failureText, UsageError } from './failure.ts'

test('a kernel without nf_tables ends Sluice with 4, and the message says what the kernel lacks', async () => {
  const kernel = new FakeKernel()
  kernel.unsupported = true
  const error: unknown = await new NftablesConnection(kernel.transport())
    .generation()
    .catch((reason: unknown) => reason)
  expect(exitCodeOf(error)).toBe(EXIT.kernel)
  expect(failureText(error)).toMatch(/this kernel has no nf_tables.*CONFIG_NF_TABLES.*\[NFT_UNSUPPORTED\]/)
})

test.each([
  [new UsageError('--x'), EXIT.usage],
  [new SourceError('SOURCE_NOT_FOUND', 'a.yaml', 'does not exist'), EXIT.input],
  [new NetlinkError('NETLINK_PERMISSION', 'needs root'), EXIT.kernel],
  [new AggregateError([new NetlinkError('NETLINK_SEND', 'no')]), EXIT.kernel],
  [new ControlError('INSTANCE_RUNNING', 'is running'), EXIT.instance],
  [new ListenError('cannot listen on *:10256', 'EADDRINUSE'), EXIT.instance],
  [new Error('else'), EXIT.failure],
  ['no error at all', EXIT.failure],
])('%s', (error, code) => {
  expect(exitCodeOf(error)).toBe(code)
})
