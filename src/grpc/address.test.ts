import { describe, expect, it } from 'vitest'
import { grpcAddressText, isPrivate, parseGrpcAddress } from './address.ts'

const tcp = (host: string, port: number) => ({ kind: 'tcp', host, port })
const unix = (path: string) => ({ kind: 'unix', path })

describe('parseGrpcAddress', () => {
  it.each([
    ['127.0.0.1:12090', tcp('127.0.0.1', 12090)],
    ['tcp://127.0.0.1:12090', tcp('127.0.0.1', 12090)],
    ['tcp://:12090', tcp('', 12090)],
    ['api.example.org:443', tcp('api.example.org', 443)],
    ['dns:///api.example.org:443', tcp('api.example.org', 443)],
    ['passthrough:///10.0.0.1:1', tcp('10.0.0.1', 1)],
    ['[::1]:12090', tcp('::1', 12090)],
    ['unix:///run/sluice/api.sock', unix('/run/sluice/api.sock')],
    ['unix:/run/api.sock', unix('/run/api.sock')],
    ['unix:api.sock', unix('api.sock')],
  ])('reads %s', (text, address) => expect(parseGrpcAddress(text)).toEqual(address))

  it.each([
    '',
    '127.0.0.1',
    'host:port',
    'host:70000',
    'http://host:1',
    '::1:12090',
    'unix:',
    `unix:///${'x'.repeat(110)}`,
  ])('refuses %s', (text) => expect(() => parseGrpcAddress(text)).toThrow(/must be HOST:PORT/))

  it.each(['127.0.0.1:1', '[::1]:12090', 'unix:///run/api.sock', ':12090'])('reads %s as it is written', (text) =>
    expect(grpcAddressText(parseGrpcAddress(text))).toBe(text),
  )

  it.each([
    ['127.0.0.1:1', true],
    ['localhost:1', true],
    ['[::1]:1', true],
    ['unix:///x', true],
    [':1', false],
    ['0.0.0.0:1', false],
    ['192.0.2.1:1', false],
    ['127.0.0.1.example.org:1', false],
  ])('knows whether others can reach %s', (text, isOurs) => expect(isPrivate(parseGrpcAddress(text))).toBe(isOurs))
})
