import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import { GrpcError } from './error.ts'

/** Files in PEM. */
export interface TlsFiles {
  readonly key?: string | undefined
  readonly crt?: string | undefined
  readonly ca?: string | undefined
}

/** What `tls` is to be told. */
export interface TlsOptions {
  readonly minVersion: 'TLSv1.2'
  readonly key?: Buffer
  readonly cert?: Buffer
  readonly ca?: Buffer
}

/**
 * Reads keys and certificates once, and checks that they can be used.
 *
 * @param flags what the files are called in messages, for example `--listen-tls-`
 * @returns undefined when no file is given: then there is no TLS
 * @throws GrpcError
 */
export function readTls(files: TlsFiles, flags: string): TlsOptions | undefined {
  const { key, crt, ca } = files
  if (key === undefined && crt === undefined && ca === undefined) return undefined
  if ((key === undefined) !== (crt === undefined)) {
    const missing = key === undefined ? 'key' : 'crt'
    throw new GrpcError('GRPC_TLS', `${flags}${missing} is missing: a key and a certificate go together`)
  }
  const options = {
    minVersion: 'TLSv1.2' as const,
    ...(key !== undefined && { key: readPem(key, `${flags}key`) }),
    ...(crt !== undefined && { cert: readCertificates(crt, `${flags}crt`) }),
    ...(ca !== undefined && { ca: readCertificates(ca, `${flags}ca`) }),
  }
  try {
    createSecureContext(options)
  } catch (error) {
    throw new GrpcError('GRPC_TLS', `${flags}key ${key ?? ''}: ${(error as Error).message}`, error)
  }
  return options
}

function readPem(file: string, flag: string): Buffer {
  try {
    return readFileSync(file)
  } catch (error) {
    throw new GrpcError('GRPC_TLS', `${flag}: ${(error as Error).message}`, error)
  }
}

/** Node takes a file without a certificate for an empty list; that must not pass. */
function readCertificates(file: string, flag: string): Buffer {
  const pem = readPem(file, flag)
  const blocks = pem.toString('latin1').match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g)
  if (blocks === null) throw new GrpcError('GRPC_TLS', `${flag} ${file}: there is no certificate in PEM in it`)
  for (const block of blocks) {
    try {
      new X509Certificate(block)
    } catch (error) {
      throw new GrpcError('GRPC_TLS', `${flag} ${file}: ${(error as Error).message}`, error)
    }
  }
  return pem
}
