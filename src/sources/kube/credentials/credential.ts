import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { readError, SourceError } from '../../error.ts'
import { fromFiles, once, type Shared } from './shared.ts'

/** What shows an API server who is asking. */
export interface Credential {
  /** The header of this name; absent when only a certificate shows it. */
  readonly authorization?: string
  /** PEM; both or none. */
  readonly cert?: Buffer
  readonly key?: Buffer
}

/** What counts at this moment; a refused one is forgotten, and made anew. @throws SourceError with SOURCE_CREDENTIALS */
export type Credentials = Shared<Credential>

/** A kubeconfig's data or file. */
export interface Material {
  /** Where it stands, for messages. */
  readonly origin: string
  readonly isFile: boolean
  readonly read: () => Promise<Buffer>
}

export function materialFile(file: string): Material {
  const read = async () =>
    readFile(file).catch((error: unknown) => {
      throw readError(file, error)
    })
  return { origin: file, isFile: true, read }
}

/** @throws SourceError when the token cannot stand in a header; it is not quoted. */
export function bearer(token: string, origin: string): Credential {
  const text = token.trim()
  if (!/^[\x21-\x7e]+$/.test(text)) {
    throw new SourceError('SOURCE_CREDENTIALS', origin, 'the token is empty, or has characters that no token has')
  }
  return { authorization: `Bearer ${text}` }
}

/** The token in a file, which kubelet replaces every hour. */
export function tokenFile(file: string): Credentials {
  return fromFiles(async () => {
    const text = await readFile(file, 'utf8').catch((error: unknown) => {
      throw new SourceError(
        'SOURCE_CREDENTIALS',
        file,
        `the token cannot be read: ${readError(file, error).reason}`,
        error,
      )
    })
    return bearer(text, file)
  })
}

/** User name and password, as of RFC 7617. */
export function basic(username: string, password: string): Credentials {
  const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
  return once<Credential>(async () => ({ authorization }))
}

/** The certificates that sign a server's; checked, since Node passes over what is none. */
export function authority(material: Material): Shared<Buffer> {
  return keptFresh([material], async () => {
    const ca = await material.read()
    if (isCertificate(ca)) return ca
    throw new SourceError('SOURCE_CREDENTIALS', material.origin, 'the certificate authority is no PEM certificate')
  })
}

/** A certificate and its key; checked together, since they are replaced one after the other. */
export function certificate(cert: Material, key: Material): Credentials {
  return keptFresh([cert, key], async () => {
    const [certText, keyText] = await Promise.all([cert.read(), key.read()])
    return certificatePair(certText, keyText, cert.origin)
  })
}

/** @throws SourceError when they do not belong together; neither is quoted. */
export function certificatePair(cert: Buffer, key: Buffer, origin: string): Credential {
  if (isPair(cert, key)) return { cert, key }
  const message = 'the client certificate and its key are not PEM, or do not belong together'
  throw new SourceError('SOURCE_CREDENTIALS', origin, message)
}

function keptFresh<T>(materials: readonly Material[], read: () => Promise<T>): Shared<T> {
  return materials.some(({ isFile }) => isFile) ? fromFiles(read) : once(read)
}

function isCertificate(pem: Buffer): boolean {
  try {
    return new X509Certificate(pem).serialNumber !== ''
  } catch {
    return false
  }
}

function isPair(cert: Buffer, key: Buffer): boolean {
  try {
    return new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))
  } catch {
    return false
  }
}
