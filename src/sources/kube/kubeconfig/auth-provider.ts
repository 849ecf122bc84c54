import { authority, type Credentials } from '../credentials/credential.ts'
import { oidcCredentials } from '../credentials/oidc.ts'
import type { ProxyOf } from '../proxy.ts'
import type { Section } from './section.ts'

/** Credentials of an `auth-provider`. @throws SourceError for every other than `oidc`, as kubectl since 1.26. */
export function authProvider(section: Section, proxy: ProxyOf): Credentials {
  const name = section.text('name') ?? ''
  if (name !== 'oidc') {
    throw section.error(
      `${section.at('name')} must be oidc; what "${name}" did is done by a credential plugin (exec) now`,
    )
  }
  const config = section.section('config')
  const issuer = config.text('idp-issuer-url') ?? ''
  const clientId = config.text('client-id')
  if (!URL.canParse(issuer) || new URL(issuer).protocol !== 'https:') {
    throw config.error(`${config.at('idp-issuer-url')} must be a URL with https`)
  }
  if (clientId === undefined) throw config.error(`${config.at('client-id')} is missing`)
  const ca = config.material('idp-certificate-authority')
  return oidcCredentials({
    origin: `${config.file}: ${section.place}`,
    issuer: new URL(issuer),
    clientId,
    clientSecret: config.text('client-secret') ?? '',
    idToken: config.text('id-token') ?? '',
    refreshToken: config.text('refresh-token') ?? '',
    ...(ca && { ca: authority(ca) }),
    proxy,
  })
}
