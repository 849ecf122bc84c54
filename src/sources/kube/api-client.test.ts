import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ServerOptions } from 'node:https'
import { networkInterfaces, tmpdir } from 'node:os'
import path from 'node:path'
import tls from 'node:tls'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type CertificatePair, TestAuthority } from '../../../test/fixtures/certificates.ts'
import { connectProxy, type TestServer, testServer } from '../../../test/fixtures/http-servers.ts'
import type { SourceError } from '../error.ts'
import { ApiClient } from './api-client.ts'
import { type ApiServer, serverUrl } from './api-server.ts'
import { authority, basic, type Credentials, certificate, materialFile, tokenFile } from './credentials/credential.ts'
import { fixedProxy } from './proxy.ts'

const authorityOfAll = new TestAuthority()
const PAIR = authorityOfAll.issue('kubernetes', ['127.0.0.1', '::1'])
const MUTUAL: ServerOptions = { ...PAIR, ca: authorityOfAll.cert, requestCert: true, rejectUnauthorized: true }

let directory: string
let open: { close(): void | Promise<void> }[]

beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'sluice-connection-'))
  open = []
})

afterEach(async () => {
  vi.restoreAllMocks()
  for (const thing of open.reverse()) await thing.close()
  rmSync(directory, { recursive: true })
})

/** Replaces a file as kubelet does: nobody sees half of it. */
function write(name: string, text: string): string {
  const file = path.join(directory, name)
  writeFileSync(`${file}.new`, text)
  renameSync(`${file}.new`, file)
  return file
}

function toBeClosed<T extends { close(): void | Promise<void> }>(thing: T): T {
  open.push(thing)
  return thing
}

function aClient(url: string, options: Omit<ApiServer, 'url'> = {}): ApiClient {
  return toBeClosed(new ApiClient({ url: serverUrl(url, 'test'), ...options }))
}

async function ask(client: ApiClient, signal = new AbortController().signal): Promise<unknown> {
  return client.json({ path: '/api', query: {}, signal, answerMs: 20_000, idleMs: 20_000 })
}

async function failure(client: ApiClient): Promise<SourceError> {
  const answer: unknown = await ask(client).catch((error: unknown) => error)
  expect(answer).toMatchObject({ name: 'SourceError' })
  return answer as SourceError
}

const echo = (request: IncomingMessage, response: ServerResponse) => {
  response.end(JSON.stringify({ url: request.url, headers: request.headers, client: clientOf(request) }))
}

/** The common name of the client's certificate. */
function clientOf({ socket }: IncomingMessage): unknown {
  const certificate: Partial<tls.PeerCertificate> = socket instanceof tls.TLSSocket ? socket.getPeerCertificate() : {}
  return certificate.subject?.CN
}

/** Accepts one token only. */
function accepting(token: () => string) {
  return (request: IncomingMessage, response: ServerResponse) => {
    if (request.headers.authorization !== `Bearer ${token()}`) response.statusCode = 401
    response.end('{}')
  }
}

const realNow = performance.now.bind(performance)

/** Makes it so many milliseconds later for whoever looks at the clock. */
function later(milliseconds: number): void {
  vi.spyOn(performance, 'now').mockImplementation(() => realNow() + milliseconds)
}

function pairFiles({ cert, key }: CertificatePair): Credentials {
  return certificate(materialFile(write('tls.crt', cert)), materialFile(write('tls.key', key)))
}

const ca = () => authority(materialFile(write('ca.crt', authorityOfAll.cert)))

describe('tokens', () => {
  test('of a file are read again at once when the API server refuses one', async () => {
    let valid = 'first'
    const api = toBeClosed(await testServer(accepting(() => valid)))
    const client = aClient(api.url, { credentials: tokenFile(write('token', 'first\n')) })
    await ask(client)
    valid = 'second'
    write('token', 'second\n')
    await ask(client)
    expect(api.seen).toHaveLength(3)
  })

  test('of a file are read again after a while, and not by each request', async () => {
    const api = toBeClosed(await testServer(echo))
    const client = aClient(api.url, { credentials: tokenFile(write('token', 'first')) })
    const shown = async () => ((await ask(client)) as { headers: IncomingMessage['headers'] }).headers.authorization
    expect(await shown()).toBe('Bearer first')
    write('token', 'second')
    expect(await shown()).toBe('Bearer first')
    later(30_000)
    expect(await shown()).toBe('Bearer second')
    rmSync(path.join(directory, 'token'))
    later(60_000)
    expect(await shown()).toBe('Bearer second')
  })

  test('that stay refused are shown once, and are in no message', async () => {
    const api = toBeClosed(await testServer(accepting(() => 'other')))
    const client = aClient(api.url, { credentials: tokenFile(write('token', 'a-secret-token')) })
    const { code, message } = await failure(client)
    expect(code).toBe('SOURCE_CREDENTIALS')
    expect(message).toBe(`${api.url}/api: the API server answered 401`)
    expect(api.seen).toHaveLength(1)
  })

  test.each([
    ['', 'the token is empty, or has characters that no token has'],
    ['two words', 'the token is empty, or has characters that no token has'],
  ])('such as "%s" are not sent', async (token, reason) => {
    const client = aClient('http://127.0.0.1:9', { credentials: tokenFile(write('token', token)) })
    expect(await failure(client)).toMatchObject({ code: 'SOURCE_CREDENTIALS', reason })
  })

  test('can be a user name and a password', async () => {
    const api = toBeClosed(await testServer(echo))
    const answer = await ask(aClient(api.url, { credentials: basic('ann', 'p:w') }))
    expect(answer).toMatchObject({ headers: { authorization: `Basic ${btoa('ann:p:w')}` } })
  })
})

describe('certificates', () => {
  test('of the client and the authority are those in the files, when these were replaced', async () => {
    const api = toBeClosed(await testServer(echo, MUTUAL))
    const first = authorityOfAll.issue('first')
    const client = aClient(api.url, { ca: ca(), certificate: pairFiles(first) })
    expect(await ask(client)).toMatchObject({ client: 'first' })

    const second = authorityOfAll.issue('second')
    write('tls.crt', second.cert)
    later(30_000)
    // The key is still that of the other one.
    expect(await ask(client)).toMatchObject({ client: 'first' })
    write('tls.key', second.key)
    later(60_000)
    expect(await ask(client)).toMatchObject({ client: 'second' })

    const next = new TestAuthority('next')
    const context = { ...next.issue('kubernetes', ['127.0.0.1']), ca: authorityOfAll.cert }
    api.setCertificate(context)
    write('ca.crt', next.cert)
    later(90_000)
    expect(await ask(client)).toMatchObject({ client: 'second' })
  })

  test('of the client are read again at once when the API server refuses one', async () => {
    let valid = 'first'
    const answer = (request: IncomingMessage, response: ServerResponse) => {
      response.statusCode = clientOf(request) === valid ? 200 : 401
      response.end('{}')
    }
    const api = toBeClosed(await testServer(answer, MUTUAL))
    const client = aClient(api.url, { ca: ca(), certificate: pairFiles(authorityOfAll.issue(valid)) })
    await ask(client)
    valid = 'second'
    pairFiles(authorityOfAll.issue(valid))
    await ask(client)
    expect(api.seen).toHaveLength(3)
  })

  test.each([
    [
      'of another authority',
      new TestAuthority().cert,
      'SOURCE_UNREACHABLE',
      /unable to verify|self.signed|certificate/,
    ],
    ['that are none', 'nonsense', 'SOURCE_CREDENTIALS', /the certificate authority is no PEM certificate/],
  ])('%s are not trusted', async (_, cert, code, message) => {
    const api = toBeClosed(await testServer(echo, PAIR))
    const error = await failure(aClient(api.url, { ca: authority(materialFile(write('ca.crt', cert))) }))
    expect(error.code).toBe(code)
    expect(error.message).toMatch(message)
    expect(api.seen).toEqual([])
  })

  test('of the server must have the name that is wanted, unless they are not checked', async () => {
    const api = toBeClosed(await testServer(echo, authorityOfAll.issue('x', ['kubernetes.default'])))
    expect((await failure(aClient(api.url, { ca: ca() }))).message).toContain('127.0.0.1')
    await ask(aClient(api.url, { ca: ca(), serverName: 'kubernetes.default' }))
    await ask(aClient(api.url, { isInsecure: true }))
  })

  test.runIf(hasIPv6())('are checked at an IPv6 address, too', async () => {
    const api = toBeClosed(await testServer(echo, PAIR, '::1'))
    await ask(aClient(api.url, { ca: ca() }))
  })
})

describe('a proxy', () => {
  const through = (proxy: TestServer, login = '') => fixedProxy(proxy.url.replace('://', `://${login}`), 'test')

  test('sees only where a TLS connection goes, and knows its own password', async () => {
    const api = toBeClosed(await testServer(echo, MUTUAL))
    const proxy = toBeClosed(await connectProxy())
    const pair = pairFiles(authorityOfAll.issue('me'))
    const client = aClient(api.url, { ca: ca(), certificate: pair, proxy: through(proxy, 'u:p@') })
    expect(await ask(client)).toMatchObject({ client: 'me' })
    await ask(client)
    expect(proxy.seen).toEqual([`127.0.0.1:${api.port} Basic ${btoa('u:p')}`])
  })

  test.runIf(hasIPv6())('is told an IPv6 address as such', async () => {
    const api = toBeClosed(await testServer(echo, PAIR, '::1'))
    const proxy = toBeClosed(await connectProxy())
    await ask(aClient(api.url, { ca: ca(), proxy: through(proxy) }))
    expect(proxy.seen).toEqual([`[::1]:${api.port} -`])
  })

  test('that refuses is an error without its password', async () => {
    const proxy = toBeClosed(await connectProxy(undefined, 407))
    const { code, message } = await failure(aClient('https://127.0.0.1:9', { proxy: through(proxy, 'u:secret@') }))
    expect(code).toBe('SOURCE_UNREACHABLE')
    expect(message).toContain('407')
    expect(message).not.toContain('secret')
  })

  test('may speak TLS itself, with a certificate that this machine trusts', async () => {
    const api = toBeClosed(await testServer(echo, PAIR))
    const other = new TestAuthority('of the proxy')
    const proxy = toBeClosed(await connectProxy(other.issue('proxy', ['127.0.0.1'])))
    const untrusted = aClient(api.url, { ca: ca(), proxy: through(proxy) })
    expect((await failure(untrusted)).code).toBe('SOURCE_UNREACHABLE')
    expect(proxy.seen).toEqual([])
    const before = tls.getCACertificates('default')
    tls.setDefaultCACertificates([...before, other.cert])
    try {
      await ask(aClient(api.url, { ca: ca(), proxy: through(proxy) }))
    } finally {
      tls.setDefaultCACertificates(before)
    }
    expect(proxy.seen).toHaveLength(1)
  })
})

describe('several API servers', () => {
  test('stand in for each other, and none is left while it answers', async () => {
    const [one, two] = [toBeClosed(await testServer(echo)), toBeClosed(await testServer(echo))]
    const client = aClient(one.url, { others: [serverUrl(two.url, 'test')] })
    await ask(client)
    expect([one.seen.length, two.seen.length]).toEqual([1, 0])
    await one.close()
    open.splice(open.indexOf(one), 1)
    await ask(client)
    await ask(client)
    expect([one.seen.length, two.seen.length]).toEqual([1, 2])
    expect(client.origin('/api')).toBe(`${two.url}/api`)
  })

  test('stand in for one that takes connections and never answers, for many at once', async () => {
    const [one, two] = [toBeClosed(await testServer(() => undefined)), toBeClosed(await testServer(echo))]
    const client = aClient(one.url, { others: [serverUrl(two.url, 'test')] })
    const patience = { answerMs: 2000, idleMs: 2000 }
    const query = { path: '/api', query: {}, signal: new AbortController().signal, ...patience }
    await Promise.all([1, 2, 3].map(async () => client.json(query)))
    await client.json(query)
    expect([one.seen.length, two.seen.length]).toEqual([3, 4])
  })

  test('are all named when none answers, and the first is the next one to be asked', async () => {
    const client = aClient('http://127.0.0.1:9', { others: [serverUrl('http://127.0.0.1:11', 'test')] })
    for (let i = 0; i < 2; i++) {
      expect((await failure(client)).message).toMatch(/^http:\/\/127.0.0.1:9\/api: .*127.0.0.1:9, .*127.0.0.1:11$/)
    }
  })
})

describe('answers', () => {
  test('that lead elsewhere are not followed', async () => {
    const elsewhere = toBeClosed(await testServer(echo))
    const redirect = (_: IncomingMessage, response: ServerResponse) => {
      response.writeHead(307, { location: elsewhere.url }).end()
    }
    const api = toBeClosed(await testServer(redirect))
    expect(await failure(aClient(api.url))).toMatchObject({
      code: 'SOURCE_REFUSED',
      reason: 'the API server answered 307',
    })
    expect(elsewhere.seen).toEqual([])
  })

  test('may be compressed, when the kubeconfig does not forbid it', async () => {
    const compress = (request: IncomingMessage, response: ServerResponse) => {
      const text = JSON.stringify({ encoding: request.headers['accept-encoding'] ?? 'none' })
      if (request.headers['accept-encoding'] !== 'gzip') return void response.end(text)
      response.setHeader('content-encoding', 'gzip')
      response.end(gzipSync(text))
    }
    const api = toBeClosed(await testServer(compress))
    expect(await ask(aClient(api.url))).toEqual({ encoding: 'gzip' })
    expect(await ask(aClient(api.url, { isUncompressed: true }))).toEqual({ encoding: 'none' })
  })

  test('that are compressed and cut off are errors', async () => {
    const cut = (_: IncomingMessage, response: ServerResponse) => {
      response.setHeader('content-encoding', 'gzip')
      response.end(gzipSync(JSON.stringify({ text: 'x'.repeat(1000) })).subarray(0, 20))
    }
    const api = toBeClosed(await testServer(cut))
    expect((await failure(aClient(api.url))).code).toBe('SOURCE_UNREACHABLE')
  })

  test.each([
    [429, { 'retry-after': '7' }, '{}', 7000],
    [503, {}, JSON.stringify({ details: { retryAfterSeconds: 3 } }), 3000],
    [500, {}, '{}', 0],
  ])('of %i tell how long to wait', async (status, headers, body, retryAfterMs) => {
    const api = toBeClosed(await testServer((_, response) => response.writeHead(status, headers).end(body)))
    expect(await failure(aClient(api.url))).toMatchObject({ code: 'SOURCE_REFUSED', retryAfterMs })
  })

  test('that nobody wants any more are ended, also while credentials are waited for', async () => {
    const never = tokenFile('/nowhere')
    vi.spyOn(never, 'get').mockImplementation(async () => new Promise(() => undefined))
    const abort = new AbortController()
    const asked = ask(aClient('http://127.0.0.1:9', { credentials: never }), abort.signal)
    abort.abort()
    await expect(asked).rejects.toThrow()
  })
})

test('whoever acts as another says so', async () => {
  const api = toBeClosed(await testServer((request, response) => response.end(JSON.stringify(request.rawHeaders))))
  const headers = { 'Impersonate-User': 'ann', 'Impersonate-Group': ['one', 'two'] }
  const raw = (await ask(aClient(api.url, { headers }))) as string[]
  const sent = raw.flatMap((name, index) => (name.startsWith('Impersonate') ? [`${name}: ${raw[index + 1]}`] : []))
  expect(sent).toEqual(['Impersonate-User: ann', 'Impersonate-Group: one', 'Impersonate-Group: two'])
})

function hasIPv6(): boolean {
  return Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === '::1'))
}
