import type { IncomingMessage, ServerResponse } from 'node:http'
import { afterEach, expect, test } from 'vitest'
import { TestAuthority } from '../../../../test/fixtures/certificates.ts'
import { connectProxy, type TestServer, testServer } from '../../../../test/fixtures/http-servers.ts'
import { fixedProxy } from '../proxy.ts'
import { type OidcProvider, oidcCredentials } from './oidc.ts'
import { once } from './shared.ts'

const authority = new TestAuthority()
const open: TestServer[] = []

afterEach(async () => {
  for (const server of open.splice(0)) await server.close()
})

/** An ID token that expires in so many seconds. */
function idToken(seconds: number, name = ''): string {
  const parts = [{ alg: 'none' }, { exp: Math.floor(Date.now() / 1000) + seconds, name }]
  return `${parts.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')}.c2ln`
}

/** An issuer whose refresh tokens are used up one after the other: `r1`, `r2`... */
class Issuer {
  readonly asked: { readonly form: Record<string, string>; readonly authorization: string | undefined }[] = []
  methods: readonly string[] | undefined
  /** What its ID tokens are good for, in seconds. */
  lasts = 3600
  status = 200
  #server: TestServer | undefined

  async listen(): Promise<this> {
    const tls = authority.issue('issuer', ['127.0.0.1'])
    this.#server = await testServer((request, response, body) => this.#answer(request, response, body), tls)
    open.push(this.#server)
    return this
  }

  get server(): TestServer {
    if (this.#server === undefined) throw new Error('it does not listen')
    return this.#server
  }

  #answer({ url, headers }: IncomingMessage, response: ServerResponse, body: string): void {
    if (url === '/realm/.well-known/openid-configuration') {
      const methods = this.methods && { token_endpoint_auth_methods_supported: this.methods }
      return void response.end(JSON.stringify({ token_endpoint: `${this.server.url}/token`, ...methods }))
    }
    this.asked.push({ form: Object.fromEntries(new URLSearchParams(body)), authorization: headers.authorization })
    response.statusCode = this.status
    if (this.status !== 200) return void response.end(JSON.stringify({ error: 'invalid_grant', echo: body }))
    const count = this.asked.length
    response.end(JSON.stringify({ id_token: idToken(this.lasts, `n${count}`), refresh_token: `r${count + 1}` }))
  }
}

function provider(issuer: Issuer, options: Partial<OidcProvider> = {}): OidcProvider {
  return {
    origin: 'config: user.auth-provider',
    issuer: new URL(`${issuer.server.url}/realm`),
    clientId: 'sluice',
    clientSecret: 's e',
    idToken: idToken(-1),
    refreshToken: 'r1',
    ca: once<Buffer>(async () => Buffer.from(authority.cert)),
    proxy: () => undefined,
    ...options,
  }
}

test('an ID token is used until it expires', async () => {
  const issuer = await new Issuer().listen()
  const good = idToken(60)
  const credentials = oidcCredentials(provider(issuer, { idToken: good }))
  expect(await credentials.get()).toEqual({ authorization: `Bearer ${good}` })
  await credentials.get()
  expect(issuer.server.seen).toEqual([])
})

test('one that is about to expire, or was refused, is replaced, each time with the newest refresh token', async () => {
  const issuer = await new Issuer().listen()
  const credentials = oidcCredentials(provider(issuer, { idToken: idToken(5) }))
  const [first, same] = await Promise.all([credentials.get(), credentials.get()])
  expect(same).toEqual(first)
  credentials.forget(first)
  const second = await credentials.get()
  expect(second).not.toEqual(first)
  issuer.lasts = 1
  credentials.forget(second)
  await credentials.get()
  await credentials.get()
  expect(issuer.asked.map(({ form }) => form['refresh_token'])).toEqual(['r1', 'r2', 'r3', 'r4'])
})

test.each([
  ['in the header', 's e', undefined, `Basic ${btoa('sluice:s+e')}`, undefined],
  ['in the form where the issuer wants it there', 's e', ['client_secret_post'], undefined, 's e'],
  ['not, when it has none', '', undefined, undefined, undefined],
])('a client shows its secret %s', async (_, clientSecret, methods, authorization, secret) => {
  const issuer = await new Issuer().listen()
  issuer.methods = methods
  await oidcCredentials(provider(issuer, { clientSecret })).get()
  expect(issuer.asked[0]?.authorization).toBe(authorization)
  expect(issuer.asked[0]?.form['client_secret']).toBe(secret)
  expect(issuer.asked[0]?.form['client_id']).toBe(authorization === undefined ? 'sluice' : undefined)
})

test('the issuer is asked through a proxy', async () => {
  const issuer = await new Issuer().listen()
  const proxy = await connectProxy()
  open.push(proxy)
  await oidcCredentials(provider(issuer, { proxy: fixedProxy(proxy.url, 'test') })).get()
  expect(proxy.seen).toContain(`127.0.0.1:${issuer.server.port} -`)
})

test('what fails is told without tokens, and tried again', async () => {
  const issuer = await new Issuer().listen()
  issuer.status = 400
  const credentials = oidcCredentials(provider(issuer))
  const error: unknown = await credentials.get().catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({
    code: 'SOURCE_CREDENTIALS',
    reason: `OpenID Connect with 127.0.0.1:${issuer.server.port}: the issuer answered 400: invalid_grant`,
  })
  issuer.status = 200
  expect(await credentials.get()).toHaveProperty('authorization')
})

test.each([
  [
    'no refresh-token',
    { refreshToken: '' },
    'the ID token is missing, expired or refused, and there is no refresh-token',
  ],
  ['nonsense as ID token', { idToken: 'nonsense' }, 'the ID token is no JSON Web Token with an expiry'],
  [
    'an authority that did not sign',
    { ca: once<Buffer>(async () => Buffer.from(new TestAuthority().cert)) },
    'the issuer cannot be asked',
  ],
])('with %s there is an error', async (_, options, message) => {
  const credentials = oidcCredentials(provider(await new Issuer().listen(), options))
  await expect(credentials.get()).rejects.toThrow(message)
})
