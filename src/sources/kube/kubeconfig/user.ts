import { validateHeaderValue } from 'node:http'
import type { ApiServer } from '../api-server.ts'
import { basic, bearer, type Credentials, certificate, tokenFile } from '../credentials/credential.ts'
import { execCredentials } from '../credentials/exec-plugin.ts'
import { once } from '../credentials/shared.ts'
import type { ProxyOf } from '../proxy.ts'
import { authProvider } from './auth-provider.ts'
import { execPlugin } from './exec.ts'
import type { Section } from './section.ts'

/**
 * Who a user of a kubeconfig is to the API server.
 *
 * @param proxy the environment's: an issuer of OpenID Connect is not behind the cluster's own.
 * @throws SourceError when it cannot be used, or asks for what is not supported.
 */
export function identity(
  user: Section,
  cluster: Section,
  proxy: ProxyOf,
): Pick<ApiServer, 'certificate' | 'credentials' | 'headers'> {
  const credentials = credentialsOf(user, cluster, proxy)
  const pair = certificateOf(user)
  return { ...(pair && { certificate: pair }), ...(credentials && { credentials }), headers: impersonation(user) }
}

function certificateOf(user: Section): Credentials | undefined {
  const [cert, key] = [user.material('client-certificate'), user.material('client-key')]
  if (cert === undefined && key === undefined) return undefined
  if (cert !== undefined && key !== undefined) return certificate(cert, key)
  throw user.error(`${user.place} has a client certificate or its key, and not the other`)
}

function credentialsOf(user: Section, cluster: Section, proxy: ProxyOf): Credentials | undefined {
  const hasToken = user.has('token') || user.has('tokenFile')
  const isBasic = user.has('username') || user.has('password')
  const ways = [hasToken, isBasic, user.has('exec'), user.has('auth-provider')].filter(Boolean).length
  if (ways > 1) throw user.error(`${user.place} has more than one of token, username, exec and auth-provider`)
  if (hasToken) return tokenOf(user)
  if (isBasic) return basic(user.text('username') ?? '', user.text('password') ?? '')
  if (user.has('exec')) return execCredentials(execPlugin(user.section('exec'), cluster))
  if (user.has('auth-provider')) return authProvider(user.section('auth-provider'), proxy)
  return undefined
}

/** A file counts before a token beside it, as it is the newer one. */
function tokenOf(user: Section): Credentials | undefined {
  const file = user.text('tokenFile')
  if (file !== undefined) return tokenFile(user.resolve(file))
  const token = user.text('token')
  if (token === undefined) return undefined
  const credential = bearer(token, `${user.file}: ${user.at('token')}`)
  return once(async () => credential)
}

/** The headers by which one user acts as another. @throws SourceError when a value cannot stand in a header. */
function impersonation(user: Section): Readonly<Record<string, string | readonly string[]>> {
  const [name, uid, groups] = [user.text('as'), user.text('as-uid'), user.texts('as-groups')]
  const extra = [...user.textLists('as-user-extra')].map(
    ([key, values]) => [`Impersonate-Extra-${escaped(key)}`, values] as const,
  )
  if (name === undefined && (uid !== undefined || groups.length > 0 || extra.length > 0)) {
    throw user.error(`${user.place} has as-uid, as-groups or as-user-extra, and not as`)
  }
  const headers = {
    ...(name !== undefined && { 'Impersonate-User': name }),
    ...(uid !== undefined && { 'Impersonate-Uid': uid }),
    ...(groups.length > 0 && { 'Impersonate-Group': groups }),
    ...Object.fromEntries(extra),
  }
  for (const [header, value] of Object.entries<string | readonly string[]>(headers)) {
    for (const text of typeof value === 'string' ? [value] : value) checkHeader(user, header, text)
  }
  return headers
}

function checkHeader(user: Section, header: string, text: string): void {
  try {
    validateHeaderValue(header, text)
  } catch {
    throw user.error(`${user.place}: the value of ${header} cannot stand in a header`)
  }
}

/** API servers undo it: of what encodeURIComponent leaves alone, parentheses cannot stand in a header's name. */
function escaped(key: string): string {
  return encodeURIComponent(key).replaceAll('(', '%28').replaceAll(')', '%29')
}
