import type http from 'node:http'
import https from 'node:https'
import { SourceError } from '../../error.ts'
import { messageOf } from '../message.ts'
import { agentOptions, type ProxyOf, trustSystem } from '../proxy.ts'
import { bearer, type Credential, type Credentials } from './credential.ts'
import { type Lease, Shared } from './shared.ts'

/** Milliseconds before its end from which a token is not used any more: clocks differ, and requests take a while. */
const MARGIN_MS = 10_000
const TIMEOUT_MS = 30_000
const MAX_CHARACTERS = 1 << 20

/** OpenID Connect, as the auth-provider `oidc` of a kubeconfig describes it. */
export interface OidcProvider {
  /** Where it is described, for messages. */
  readonly origin: string
  readonly issuer: URL
  readonly clientId: string
  /** Empty for a public client. */
  readonly clientSecret: string
  /** Empty when there is none yet. */
  readonly idToken: string
  /** Empty when the ID token cannot be replaced. */
  readonly refreshToken: string
  /** Signs the issuer's certificate; the system's authorities count when it is absent. */
  readonly ca?: Shared<Buffer>
  readonly proxy: ProxyOf
}

/** The ID token until it expires; then the issuer is asked for another. A new refresh token is kept in memory only. */
export function oidcCredentials(provider: OidcProvider): Credentials {
  let { idToken, refreshToken } = provider
  return new Shared(async (_earlier, signal) => {
    // It counts once: one that was forgotten was refused, whatever it says of itself.
    const first = idToken
    idToken = ''
    const known = first === '' ? undefined : lease(provider, first)
    if (known?.isFresh()) return known
    if (refreshToken === '') {
      throw refusal(provider, 'the ID token is missing, expired or refused, and there is no refresh-token')
    }
    const answer = await refresh(provider, refreshToken, signal)
    if (typeof answer['refresh_token'] === 'string' && answer['refresh_token'] !== '') {
      refreshToken = answer['refresh_token']
    }
    if (typeof answer['id_token'] !== 'string') throw refusal(provider, 'the issuer gave no id_token')
    return lease(provider, answer['id_token'])
  })
}

function lease(provider: OidcProvider, idToken: string): Lease<Credential> {
  const until = expiryOf(idToken)
  if (until === undefined) throw refusal(provider, 'the ID token is no JSON Web Token with an expiry')
  return { value: bearer(idToken, provider.origin), isFresh: () => Date.now() < until - MARGIN_MS }
}

/** Milliseconds of the epoch; the signature is for the API server to check. RFC 7519, 4.1.4. */
function expiryOf(token: string): number | undefined {
  try {
    const { exp } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { exp?: unknown }
    return typeof exp === 'number' ? exp * 1000 : undefined
  } catch {
    return undefined
  }
}

/** OpenID Connect Discovery 1.0, section 4; OpenID Connect Core 1.0, section 12. */
async function refresh(
  provider: OidcProvider,
  refreshToken: string,
  signal: AbortSignal,
): Promise<Record<string, unknown>> {
  const { issuer, clientId, clientSecret } = provider
  const discovery = new URL(`${issuer.href.replace(/\/$/, '')}/.well-known/openid-configuration`)
  const found = await ask(provider, discovery, {}, undefined, signal)
  const endpoint = endpointOf(provider, found['token_endpoint'])
  const methods = found['token_endpoint_auth_methods_supported']
  const isBasic = clientSecret !== '' && (!Array.isArray(methods) || methods.includes('client_secret_basic'))
  const form = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: refreshToken })
  if (!isBasic) form.set('client_id', clientId)
  if (!isBasic && clientSecret !== '') form.set('client_secret', clientSecret)
  const headers = {
    'content-type': 'application/x-www-form-urlencoded',
    ...(isBasic && { authorization: basicOf(clientId, clientSecret) }),
  }
  return ask(provider, endpoint, headers, form.toString(), signal)
}

/** Each part is form-encoded before: RFC 6749, 2.3.1. */
function basicOf(clientId: string, clientSecret: string): string {
  const [user, password] = [clientId, clientSecret].map((text) => new URLSearchParams({ '': text }).toString().slice(1))
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
}

function endpointOf(provider: OidcProvider, value: unknown): URL {
  const url = typeof value === 'string' && URL.canParse(value) ? new URL(value) : undefined
  if (url?.protocol === 'https:') return url
  throw refusal(provider, 'the issuer has no token_endpoint with https')
}

/** @throws SourceError; only a status and the error's short name are quoted, never what was sent. */
async function ask(
  provider: OidcProvider,
  url: URL,
  headers: http.OutgoingHttpHeaders,
  body: string | undefined,
  closing: AbortSignal,
): Promise<Record<string, unknown>> {
  const signal = AbortSignal.any([closing, AbortSignal.timeout(TIMEOUT_MS)])
  const agent = new https.Agent(agentOptions(provider.proxy(url)))
  try {
    const ca = await provider.ca?.get()
    if (ca === undefined) trustSystem()
    const method = body === undefined ? 'GET' : 'POST'
    const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
      const accept = { accept: 'application/json', ...headers }
      const options = { agent, method, headers: accept, signal, ...(ca && { ca }) }
      https.request(url, options).on('response', resolve).on('error', reject).end(body)
    })
    const answer = await readObject(response)
    if (response.statusCode === 200 && answer !== undefined) return answer
    throw refusal(provider, `the issuer answered ${response.statusCode}${reasonOf(answer)}`)
  } catch (error) {
    if (error instanceof SourceError) throw error
    const reason = signal.aborted ? `no answer within ${TIMEOUT_MS} ms` : messageOf(error)
    throw refusal(provider, `the issuer cannot be asked: ${reason}`)
  } finally {
    agent.destroy()
  }
}

/** Such as `invalid_grant` (RFC 6749, 5.2); nothing longer, which might repeat what was sent. */
function reasonOf(answer: Readonly<Record<string, unknown>> | undefined): string {
  const error = answer?.['error']
  return typeof error === 'string' && /^[a-z_]{1,40}$/.test(error) ? `: ${error}` : ''
}

async function readObject(response: http.IncomingMessage): Promise<Record<string, unknown> | undefined> {
  let text = ''
  response.setEncoding('utf8')
  for await (const part of response) {
    text += part as string
    if (text.length > MAX_CHARACTERS) return undefined
  }
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

function refusal({ origin, issuer }: OidcProvider, message: string): SourceError {
  return new SourceError('SOURCE_CREDENTIALS', origin, `OpenID Connect with ${issuer.host}: ${message}`)
}
