import { expect, test } from 'vitest'
import { parseCommandLine } from './command-line.ts'
import { conntrackOptions } from './conntrack-options.ts'

function optionsOf(...flags: readonly string[]) {
  const invocation = parseCommandLine(['file', '--input', 'f', 'to-local', 'to-nft', ...flags])
  return invocation.kind === 'run' ? conntrackOptions(invocation.options) : expect.fail('no command')
}

test("the defaults are kube-proxy's", () => {
  expect(optionsOf()).toEqual({
    maxPerCore: 32768,
    min: 131072,
    tcpBeLiberal: false,
    tcpEstablishedSeconds: 86_400,
    tcpCloseWaitSeconds: 3600,
    udpSeconds: 0,
    udpStreamSeconds: 0,
  })
})

test('0 leaves a setting alone, and a fraction of a second is dropped', () => {
  const flags = ['--conntrack-max-per-core', '0', '--conntrack-tcp-timeout-established', '0']
  expect(optionsOf(...flags, '--conntrack-udp-timeout', '1.9s', '--conntrack-tcp-be-liberal')).toMatchObject({
    maxPerCore: 0,
    tcpEstablishedSeconds: 0,
    udpSeconds: 1,
    tcpBeLiberal: true,
  })
})

test.each([
  ['--conntrack-max-per-core', '1.5', 'must be a whole number of entries'],
  ['--conntrack-min', '-1', 'must be a whole number of entries'],
  ['--conntrack-min', '3000000000', 'must be a whole number of entries'],
  ['--conntrack-udp-timeout', '500ms', 'must be 0, or at least 1s'],
  ['--conntrack-udp-timeout-stream', '600000h', 'is longer than the kernel can count'],
  ['--conntrack-tcp-timeout-close-wait', '60', 'must be a duration'],
])('%s %s is refused', (flag, value, message) => {
  expect(() => optionsOf(`${flag}=${value}`)).toThrow(`${flag}: "${value}" ${message}`)
})
