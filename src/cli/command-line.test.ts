import { describe, expect, test } from 'vitest'
import { agentOptions } from './agent-options.ts'
import { parseCommandLine } from './command-line.ts'
import { UsageError } from './failure.ts'
import type { RawOptions } from './options.ts'

function run(line: string): { words: string; options: RawOptions } {
  const invocation = parseCommandLine(line.split(' ').filter((part) => part !== ''))
  if (invocation.kind !== 'run') throw new Error('it asks for help')
  return invocation
}

function failure(line: string): string {
  try {
    agentOptions(run(line).options)
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError)
    return (error as Error).message
  }
  return 'no failure'
}

describe('words and options may be mixed', () => {
  test.each([
    'file --input a --input b to-local to-nft --node-name n',
    '--input a file to-local --node-name n -i b to-nft',
    'file to-local to-nft --node-name=n --input=a -i b',
  ])('%s', (line) => {
    const { words, options } = run(line)
    expect(words).toBe('file to-local to-nft')
    expect(options).toMatchObject({ input: ['a', 'b'], nodeName: 'n', instance: 'default', runDir: '/run/sluice' })
  })

  test('a value may look like a word of the grammar', () => {
    expect(run('file --input to-nft to-local to-nft').options.input).toEqual(['to-nft'])
  })

  test('- is standard input', () => {
    expect(run('file -i - to-local to-nft').options.input).toEqual(['-'])
  })
})

test('--cluster-cidr and --cluster-cidrs are one option, and take lists', () => {
  const { options } = run('file to-local to-nft --cluster-cidr 10.0.0.0/8,fd00::/8 --cluster-cidrs 10.9.9.9/16')
  const cidrs = ['10.0.0.0/8', 'fd00::/8', '10.9.0.0/16']
  expect(agentOptions(options).detectLocal).toEqual({ mode: 'ClusterCIDR', cidrs })
})

test('--nodeport-addresses combines keywords and ranges', () => {
  const { options } = run('file to-local to-nft --nodeport-addresses primary,192.168.0.0/16')
  expect(agentOptions(options).nodePortAddresses).toEqual({
    primary: true,
    localhost: false,
    all: false,
    cidrs: ['192.168.0.0/16'],
  })
})

test.each([
  ['--detect-local-mode NodeCIDR', { mode: 'NodeCIDR' }],
  [
    '--detect-local-mode BridgeInterface --pod-bridge-interface cbr0',
    { mode: 'BridgeInterface', interface: 'cbr0', prefix: false },
  ],
  [
    '--detect-local-mode InterfaceNamePrefix --pod-interface-name-prefix veth',
    { mode: 'InterfaceNamePrefix', interface: 'veth', prefix: true },
  ],
])('%s (promise 65)', (flags, expected) => {
  expect(agentOptions(run(`file to-local to-nft ${flags}`).options).detectLocal).toEqual(expected)
})

test.each([
  ['', { host: '', port: 10256 }, false],
  ['--healthz-bind-address=', undefined, false],
  ['--service-proxy-name mine', undefined, false],
  ['--service-proxy-name mine --healthz-bind-address 127.0.0.1', { host: '127.0.0.1', port: 10256 }, false],
  ['--healthz-bind-address [fd00::1]:8080 --bind-address-hard-fail', { host: 'fd00::1', port: 8080 }, true],
])('health with "%s"', (flags, healthzAddress, bindAddressHardFail) => {
  const { options } = run(`file to-local to-nft ${flags}`)
  expect(agentOptions(options)).toMatchObject({ bindAddressHardFail })
  expect(agentOptions(options).healthzAddress).toEqual(healthzAddress)
})

test.each([
  ['', { host: '127.0.0.1', port: 10249 }],
  ['--metrics-bind-address=', undefined],
  ['--metrics-bind-address 0.0.0.0', { host: '', port: 10249 }],
])('metrics with "%s"', (flags, metricsAddress) => {
  expect(agentOptions(run(`file to-local to-nft ${flags}`).options).metricsAddress).toEqual(metricsAddress)
})

test.each([
  ['file to-local', /"file to-local" is no command/],
  ['', /no command was given/],
  ['file to-local to-nft --bogus', /--bogus/],
  ['file to-local to-nft --cluster-cidr ten', /--cluster-cidr: "ten"/],
  ['file to-local to-nft --cluster-cidr a,,b', /--cluster-cidr: an entry/],
  ['file to-local to-nft --nodeport-addresses some', /--nodeport-addresses: "some"/],
  ['file to-local to-nft --masquerade-bit 32', /--masquerade-bit: "32"/],
  ['file to-local to-nft --instance ../../etc', /--instance/],
  ['file to-local to-nft --log-level loud', /--log-level/],
  ['file to-local to-nft --detect-local-mode Guess', /--detect-local-mode/],
  ['file to-local to-nft --detect-local-mode BridgeInterface', /--pod-bridge-interface: must be given/],
  ['file to-local to-nft --detect-local-mode InterfaceNamePrefix --pod-interface-name-prefix a/b', /a\/b/],
  ['file to-local to-nft --sync-period often', /--sync-period: "often"/],
  ['file to-local to-nft --healthz-bind-address localhost', /--healthz-bind-address: "localhost"/],
  ['file to-local to-nft --service-proxy-name a,b', /--service-proxy-name: "a,b"/],
  ['kube to-local to-nft --service-proxy-name a --cleanup-kube-proxy', /--cleanup-kube-proxy: not with/],
  ['status --input x', /--input/],
])('"%s" fails and says why', (line, message) => {
  expect(line === '' ? failure('--once') : failure(line)).toMatch(message)
})

test.each([
  [[], 'sluice file to-local to-nft'],
  [['--help'], 'sluice cleanup'],
  [['help', 'file'], 'sluice file to-local to-nft'],
  [['file', 'to-local', 'to-nft', '--help'], '--nodeport-addresses'],
  [['help', 'status'], '--json'],
])('help for %j', (args, text) => {
  const invocation = parseCommandLine(args)
  expect(invocation.kind === 'help' ? invocation.text : '').toContain(text)
})
