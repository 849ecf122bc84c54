import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { TestAuthority } from '../../../../test/fixtures/certificates.ts'
import { until } from '../../../../test/lab/index.ts'
import { type ExecPlugin, execCredentials } from './exec-plugin.ts'

const V1 = 'client.authentication.k8s.io/v1'

let directory: string

beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'sluice-exec-'))
})

afterEach(() => rmSync(directory, { recursive: true }))

const inside = (name: string) => path.join(directory, name)

/** A plugin that writes what is in `answer`, and a line to `runs`. */
function plugin(script: string, options: Partial<ExecPlugin> = {}): ExecPlugin {
  const command = inside('login')
  writeFileSync(command, `#!/bin/sh\ncd '${directory}'\necho run >> runs\n${script}\n`, { mode: 0o755 })
  return { origin: 'config: user.exec', apiVersion: V1, command, args: [], env: {}, installHint: '', ...options }
}

function answer(status: object, apiVersion = V1): void {
  writeFileSync(inside('answer'), JSON.stringify({ apiVersion, kind: 'ExecCredential', status }))
}

const runs = () => readFileSync(inside('runs'), 'utf8').trim().split('\n').length

async function failure(spec: ExecPlugin): Promise<string> {
  const error: unknown = await execCredentials(spec)
    .get()
    .catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({ code: 'SOURCE_CREDENTIALS', origin: 'config: user.exec' })
  return (error as Error).message
}

describe('a credential plugin', () => {
  test('runs once for all who ask, and again when what it gave was refused', async () => {
    answer({ token: 'first' })
    const credentials = execCredentials(plugin('cat answer'))
    const all = await Promise.all([credentials.get(), credentials.get(), credentials.get()])
    expect(all).toEqual(Array(3).fill({ authorization: 'Bearer first' }))
    await credentials.get()
    expect(runs()).toBe(1)
    answer({ token: 'second' })
    credentials.forget({ authorization: 'Bearer first' })
    expect(await credentials.get()).toEqual({ authorization: 'Bearer second' })
    credentials.forget({ authorization: 'Bearer first' })
    await credentials.get()
    expect(runs()).toBe(2)
  })

  test.each([
    ['in an hour', 3_600_000, 1],
    ['a second ago', -1000, 2],
  ])('that says that its token expires %s runs accordingly', async (_, milliseconds, count) => {
    answer({ token: 'x', expirationTimestamp: new Date(Date.now() + milliseconds).toISOString() })
    const credentials = execCredentials(plugin('cat answer'))
    await credentials.get()
    await credentials.get()
    expect(runs()).toBe(count)
  })

  test('may give a client certificate', async () => {
    const { cert, key } = new TestAuthority().issue('me')
    answer({ clientCertificateData: cert, clientKeyData: key })
    expect(await execCredentials(plugin('cat answer')).get()).toEqual({
      cert: Buffer.from(cert),
      key: Buffer.from(key),
    })
  })

  test('gets its arguments as they are, the environment, and what it may know of the cluster', async () => {
    answer({ token: 'x' })
    const script = 'printf "%s\\n" "$@" "$WHO" "$HOME" > told; echo "$KUBERNETES_EXEC_INFO" > info; cat answer'
    const cluster = async () => ({ server: 'https://192.0.2.1', config: { any: 1 } })
    await execCredentials(plugin(script, { args: ['$HOME; *', 'two words'], env: { WHO: 'me' }, cluster })).get()
    expect(readFileSync(inside('told'), 'utf8')).toBe(`$HOME; *\ntwo words\nme\n${process.env['HOME'] ?? ''}\n`)
    expect(JSON.parse(readFileSync(inside('info'), 'utf8'))).toEqual({
      apiVersion: V1,
      kind: 'ExecCredential',
      spec: { interactive: false, cluster: { server: 'https://192.0.2.1', config: { any: 1 } } },
    })
  })
})

describe('a credential plugin that fails', () => {
  test.each([
    ['with a code', 'echo "log in first" >&2; exit 3', /login ended with code 3: log in first$/],
    ['with what is no JSON', 'echo secret', /login wrote no ExecCredential$/],
    ['with another version', `echo '{"kind":"ExecCredential","apiVersion":"x/v1"}'`, /of another version than/],
    [
      'with nothing in it',
      `echo '{"kind":"ExecCredential","apiVersion":"${V1}","status":{}}'`,
      /neither a token nor a client certificate/,
    ],
    [
      'with half a certificate',
      `echo '{"kind":"ExecCredential","apiVersion":"${V1}","status":{"clientCertificateData":"x"}}'`,
      /neither a token nor a client certificate/,
    ],
    [
      'with an expiry that is none',
      `echo '{"kind":"ExecCredential","apiVersion":"${V1}","status":{"token":"x","expirationTimestamp":"soon"}}'`,
      /an expirationTimestamp that is no time/,
    ],
  ])('%s is told', async (_, script, message) => {
    expect(await failure(plugin(script))).toMatch(message)
  })

  test('shows no token, though it writes it to standard error', async () => {
    answer({ token: 'the-very-secret' })
    const said = 'got the-very-secret, eyJhbGciOi.eyJzdWIi.c2ln, Authorization: Bearer abc'
    const key = '-----BEGIN PRIVATE KEY-----\nMIGH\n-----END PRIVATE KEY-----'
    const message = await failure(plugin(`cat answer; printf '%b' '${said}\n${key}\nand nothing else' >&2; exit 1`))
    expect(message).toMatch(/code 1: got \.{3}, \.{3}, Authorization: Bearer \.{3}; \.{3}; and nothing else$/)
  })

  test('to start shows no argument', async () => {
    expect(await failure(plugin('', { args: ['secret\0'] }))).toMatch(/login cannot be run: ERR_INVALID_ARG_VALUE$/)
  })

  test('by writing without end is killed', async () => {
    expect(await failure(plugin('exec yes'))).toMatch(/login writes too much$/)
  })

  test('because it is missing is told with what to do', async () => {
    const spec = { ...plugin(''), command: 'no-such-plugin', installHint: 'install it with care' }
    expect(await failure(spec)).toBe(
      'config: user.exec: the credential plugin no-such-plugin is not there (install it with care)',
    )
  })

  test('to end is killed with what it started', async () => {
    const message = await failure(plugin('sleep 1000 & echo $! > child; wait', { timeoutMs: 500 }))
    expect(message).toMatch(/login has not ended after 500 ms$/)
    const child = Number(readFileSync(inside('child'), 'utf8'))
    await until(async () => !isRunning(child), { timeoutMs: 20_000, everyMs: 20, what: 'its end' })
  })

  test('is killed when nobody wants its credentials any more', async () => {
    const credentials = execCredentials(plugin('echo $$ > self; exec sleep 1000'))
    const waiting = credentials.get().catch((error: unknown) => error)
    const isThere = async () => readFileSync(inside('self'), { encoding: 'utf8', flag: 'a+' }).endsWith('\n')
    await until(isThere, { timeoutMs: 20_000, everyMs: 20, what: 'its start' })
    credentials.close()
    expect(await waiting).toMatchObject({ code: 'SOURCE_CREDENTIALS' })
    const self = Number(readFileSync(inside('self'), 'utf8'))
    await until(async () => !isRunning(self), { timeoutMs: 20_000, everyMs: 20, what: 'its end' })
  })
})

/** What ended and nobody waited for does not run. */
function isRunning(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}
