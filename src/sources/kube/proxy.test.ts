import { describe, expect, test } from 'vitest'
import { environmentProxy, fixedProxy } from './proxy.ts'

const PROXY = 'http://192.0.2.9:3128'

function proxyOf(environment: NodeJS.ProcessEnv, target: string): string | undefined {
  return environmentProxy(environment)(new URL(target))?.origin
}

describe('the proxy of the environment', () => {
  test.each([
    [{ HTTPS_PROXY: PROXY }, 'https://api:6443', PROXY],
    [{ https_proxy: PROXY }, 'https://api:6443', PROXY],
    [{ HTTPS_PROXY: '192.0.2.9:3128' }, 'https://api:6443', PROXY],
    [{ HTTPS_PROXY: PROXY, https_proxy: 'http://other' }, 'https://api:6443', PROXY],
    [{ HTTPS_PROXY: '', https_proxy: PROXY }, 'https://api:6443', PROXY],
    [{ HTTP_PROXY: PROXY }, 'https://api:6443', undefined],
    [{ HTTP_PROXY: PROXY }, 'http://api:8080', PROXY],
    [{ HTTPS_PROXY: PROXY }, 'http://api:8080', undefined],
    [{}, 'https://api', undefined],
  ])('%j is for %s: %s', (environment, target, proxy) => {
    expect(proxyOf(environment, target)).toBe(proxy)
  })

  test.each([
    ['*', 'https://api', false],
    ['', 'https://api', true],
    [' , ', 'https://api', true],
    ['10.96.0.0/12', 'https://10.96.0.1', false],
    ['10.96.0.0/12', 'https://10.112.0.1', true],
    ['10.96.0.0/12', 'https://[fd00::1]', true],
    ['fd00::/8', 'https://[fd00::1]:6443', false],
    ['other, 10.0.0.1', 'https://10.0.0.1:6443', false],
    ['10.0.0.1:443', 'https://10.0.0.1:6443', true],
    ['10.0.0.1:443', 'https://10.0.0.1', false],
    ['fd00::1', 'https://[fd00::1]', false],
    ['[fd00::1]:6443', 'https://[fd00::1]:6443', false],
    ['[fd00::1]:6443', 'https://[fd00::1]', true],
    ['example.com', 'https://example.com', false],
    ['Example.com', 'https://api.example.COM', false],
    ['example.com', 'https://notexample.com', true],
    ['.example.com', 'https://example.com', true],
    ['.example.com', 'https://api.example.com', false],
    ['*.example.com', 'https://api.example.com', false],
    ['example.com:6443', 'https://example.com', true],
    ['example.com:443', 'https://example.com', false],
    ['', 'https://localhost:6443', false],
    ['', 'https://127.1.2.3', false],
    ['', 'https://[::1]', false],
  ])('with NO_PROXY "%s" is used for %s: %s', (list, target, isUsed) => {
    expect(proxyOf({ HTTPS_PROXY: PROXY, NO_PROXY: list }, target)).toBe(isUsed ? PROXY : undefined)
    expect(proxyOf({ HTTPS_PROXY: PROXY, no_proxy: list }, target)).toBe(isUsed ? PROXY : undefined)
  })
})

test("a cluster's own proxy is used for everything", () => {
  expect(fixedProxy(PROXY, 'test')(new URL('https://127.0.0.1'))?.origin).toBe(PROXY)
})

test.each([
  ['socks5://u:secret@proxy', 'the proxy is of the kind socks5, which is not supported'],
  ['http://u:secret@', 'the proxy is no URL'],
])('%s is refused, and not quoted', (text, reason) => {
  const refused = () => environmentProxy({ HTTPS_PROXY: text })
  expect(refused).toThrow(`HTTPS_PROXY: ${reason}`)
  expect(refused).not.toThrow('secret')
})
