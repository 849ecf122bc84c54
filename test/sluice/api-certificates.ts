import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { TestAuthority } from '../fixtures/certificates.ts'

/** Writes `ca.crt`, and `server.crt`, `server.key`, `client.crt` and `client.key` of it, for peers at 127.0.0.1. */
export function writeApiCertificates(directory: string): void {
  const authority = new TestAuthority()
  const write = (name: string, text: string) => writeFileSync(path.join(directory, name), text, { mode: 0o600 })
  write('ca.crt', authority.cert)
  for (const name of ['server', 'client']) {
    const { cert, key } = authority.issue(name, ['127.0.0.1', 'localhost'])
    write(`${name}.crt`, cert)
    write(`${name}.key`, key)
  }
}
