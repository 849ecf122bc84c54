import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { TestAuthority } from '../../../../test/fixtures/certificates.ts'
import type { ApiServer } from '../api-server.ts'
import { type KubeconfigOptions, readKubeconfig } from './kubeconfig.ts'

const directory = mkdtempSync(path.join(tmpdir(), 'sluice-kubeconfig-'))
const authority = new TestAuthority()
const pair = authority.issue('me')

afterAll(() => rmSync(directory, { recursive: true }))

function write(name: string, content: unknown): string {
  const file = path.join(directory, name)
  mkdirSync(path.dirname(file), { recursive: true })
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content))
  return file
}

function entries(cluster: object, user: object): object {
  return {
    'current-context': 'here',
    contexts: [
      { name: 'elsewhere', context: { cluster: 'x', user: 'x' } },
      { name: 'anonymous', context: { cluster: 'c' } },
      { name: 'here', context: { cluster: 'c', user: 'u' } },
    ],
    clusters: [{ name: 'c', cluster: { server: 'https://192.0.2.1:6443', ...cluster } }],
    users: [{ name: 'u', user }],
  }
}

async function read(files: readonly string[], options: Partial<KubeconfigOptions> = {}): Promise<ApiServer> {
  const server = await readKubeconfig({ files, mayBeMissing: false, context: undefined, environment: {}, ...options })
  if (server === undefined) throw new Error('there is none')
  return server
}

async function config(cluster: object, user: object): Promise<ApiServer> {
  return read([write('config', entries(cluster, user))])
}

async function authorization(server: ApiServer): Promise<string | undefined> {
  return (await server.credentials?.get())?.authorization
}

const base64 = (text: string) => Buffer.from(text).toString('base64')

describe('a kubeconfig', () => {
  test('has certificates inline, which count before files', async () => {
    const cluster = {
      'certificate-authority-data': base64(authority.cert),
      'certificate-authority': '/nowhere',
      'tls-server-name': 'kubernetes',
      'disable-compression': true,
    }
    const user = { 'client-certificate-data': base64(pair.cert), 'client-key-data': base64(pair.key) }
    const server = await config(cluster, user)
    expect(server).toMatchObject({
      url: new URL('https://192.0.2.1:6443'),
      serverName: 'kubernetes',
      isInsecure: false,
      isUncompressed: true,
    })
    expect((await server.ca?.get())?.toString()).toBe(authority.cert)
    expect(await server.certificate?.get()).toEqual({ cert: Buffer.from(pair.cert), key: Buffer.from(pair.key) })
    expect(server.credentials).toBeUndefined()
  })

  test('or in files beside it, as well as the token', async () => {
    write('pki/ca.crt', authority.cert)
    write('token', 'first\n')
    const server = await config({ 'certificate-authority': 'pki/ca.crt' }, { tokenFile: 'token', token: 'older' })
    expect((await server.ca?.get())?.toString()).toBe(authority.cert)
    expect(await authorization(server)).toBe('Bearer first')
  })

  test.each([
    [{ token: 'secret' }, 'Bearer secret'],
    [{ username: 'ann', password: 'pw' }, `Basic ${base64('ann:pw')}`],
    [{ username: 'ann' }, `Basic ${base64('ann:')}`],
    [{}, undefined],
  ])('may have %j itself', async (user, expected) => {
    expect(await authorization(await config({}, user))).toBe(expected)
  })

  test('may have a user act as another', async () => {
    const user = {
      as: 'ann',
      'as-uid': '7',
      'as-groups': ['one', 'two'],
      'as-user-extra': { 'Example.com/scope (x)': ['a', 'b'] },
    }
    expect((await config({}, user)).headers).toEqual({
      'Impersonate-User': 'ann',
      'Impersonate-Uid': '7',
      'Impersonate-Group': ['one', 'two'],
      'Impersonate-Extra-Example.com%2Fscope%20%28x%29': ['a', 'b'],
    })
  })

  test('may have a credential plugin, whose relative path starts at the kubeconfig', async () => {
    const script = `#!/bin/sh
printf '{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1beta1","status":{"token":"%s"}}' \\
  "$(printf '%s %s %s' "$1" "$WHO" "$KUBERNETES_EXEC_INFO" | base64 -w0)"`
    chmodSync(write('bin/login', script), 0o755)
    const exec = {
      apiVersion: 'client.authentication.k8s.io/v1beta1',
      command: './bin/login',
      args: ['now'],
      env: [{ name: 'WHO', value: 'me' }],
      provideClusterInfo: true,
    }
    const cluster = {
      'certificate-authority-data': base64(authority.cert),
      extensions: [{ name: 'client.authentication.k8s.io/exec', extension: { audience: 'x' } }],
    }
    const sent = (await authorization(await config(cluster, { exec })))?.slice('Bearer '.length) ?? ''
    const [, info = ''] = /^now me (.*)$/.exec(Buffer.from(sent, 'base64').toString()) ?? []
    expect(JSON.parse(info)).toMatchObject({
      kind: 'ExecCredential',
      spec: {
        interactive: false,
        cluster: {
          server: 'https://192.0.2.1:6443',
          'certificate-authority-data': base64(authority.cert),
          config: { audience: 'x' },
        },
      },
    })
  })

  test('may have OpenID Connect', async () => {
    const token = `x.${Buffer.from(JSON.stringify({ exp: 1e10 })).toString('base64url')}.y`
    const provider = { 'idp-issuer-url': 'https://issuer', 'client-id': 'me', 'id-token': token }
    const server = await config({}, { 'auth-provider': { name: 'oidc', config: provider } })
    expect(await authorization(server)).toBe(`Bearer ${token}`)
  })

  test('has a proxy that counts before those of the environment', async () => {
    const file = write('config', entries({ 'proxy-url': 'http://192.0.2.9:3128' }, {}))
    const other = { HTTPS_PROXY: 'http://192.0.2.10', NO_PROXY: '*' }
    const target = new URL('https://192.0.2.1')
    expect((await read([file], { environment: other })).proxy?.(target)?.host).toBe('192.0.2.9:3128')
    const plain = write('config', entries({}, {}))
    const environment = { HTTPS_PROXY: 'http://192.0.2.10' }
    expect((await read([plain], { environment })).proxy?.(target)?.host).toBe('192.0.2.10')
  })

  test('is YAML as kubectl reads it', async () => {
    const text = `
current-context: c
contexts: [{ name: c, context: { cluster: c, user: } }]
clusters: [{ name: c, cluster: { server: 'https://192.0.2.1', insecure-skip-tls-verify: yes } }]
users:
`
    expect(await read([write('config', text)])).toMatchObject({ isInsecure: true })
  })

  test('may have another context than the present one', async () => {
    const file = write('config', entries({}, { token: 'x' }))
    expect((await read([file], { context: 'anonymous' })).credentials).toBeUndefined()
    await expect(read([file], { context: 'none' })).rejects.toThrow('contexts has no entry "none"')
  })
})

describe('several kubeconfigs', () => {
  const only = (list: string, name: string, content: object) => ({ [`${list}s`]: [{ name, [list]: content }] })

  test('are one: of two entries with one name the first counts, and files start at the one that names them', async () => {
    write('b/token', 'of-b')
    write('a/token', 'of-a')
    const first = write('a/config', { users: [{ name: 'u', user: { tokenFile: 'token' } }], 'current-context': '' })
    const second = write('b/config', {
      ...entries({}, { tokenFile: 'token', as: 'not this one' }),
      ...only('context', 'two', { cluster: 'c', user: 'u' }),
      'current-context': 'two',
    })
    const third = write('c/config', { ...entries({ server: 'https://192.0.2.3' }, {}), 'current-context': 'here' })
    const missing = path.join(directory, 'missing')
    const server = await read([missing, first, second, third], { mayBeMissing: true })
    expect(server.url.host).toBe('192.0.2.1:6443')
    expect(await authorization(server)).toBe('Bearer of-a')
    expect(server.headers).toEqual({})
  })

  test('may all be missing, when nobody asked for one of them', async () => {
    const missing = { files: ['/nowhere/config'], context: undefined, environment: {} }
    expect(await readKubeconfig({ ...missing, mayBeMissing: true })).toBeUndefined()
    await expect(readKubeconfig({ ...missing, mayBeMissing: false })).rejects.toMatchObject({
      code: 'SOURCE_NOT_FOUND',
    })
  })
})

describe('a kubeconfig is refused', () => {
  const v1 = 'client.authentication.k8s.io/v1'
  const oidc = (fields: object) => ({ 'auth-provider': { name: 'oidc', config: fields } })

  test.each([
    [{ 'proxy-url': 'socks5://u:secret@proxy' }, {}, 'the proxy is of the kind socks5, which is not supported'],
    [{ server: 'nowhere' }, {}, 'the server must be a URL such as https://10.0.0.1:6443'],
    [{ 'certificate-authority': 'x', 'insecure-skip-tls-verify': true }, {}, 'contradicts the certificate authority'],
    [{ 'insecure-skip-tls-verify': 'maybe' }, {}, 'insecure-skip-tls-verify is neither true nor false'],
    [{}, { token: 7 }, 'users[u].user.token is no text'],
    [{}, { token: 'two words' }, 'the token is empty, or has characters that no token has'],
    [{}, { token: 'x', username: 'y' }, 'has more than one of token, username, exec and auth-provider'],
    [{}, { 'client-certificate': 'x' }, 'has a client certificate or its key, and not the other'],
    [{}, { 'as-groups': ['x'] }, 'has as-uid, as-groups or as-user-extra, and not as'],
    [{}, { as: 'a\nb' }, 'the value of Impersonate-User cannot stand in a header'],
    [{}, { as: 'a', 'as-groups': 'x' }, 'users[u].user.as-groups is no list of texts'],
    [{}, { exec: { command: 'x' } }, 'users[u].user.exec.apiVersion must be one of'],
    [{}, { exec: { apiVersion: v1 } }, 'users[u].user.exec.command is missing'],
    [{}, { exec: { apiVersion: v1, command: 'x' } }, 'exec.interactiveMode must be Never, IfAvailable or Always'],
    [{}, { exec: { apiVersion: v1, command: 'x', interactiveMode: 'Always' } }, 'here is nobody to ask'],
    [
      {},
      { exec: { apiVersion: v1, command: 'x', interactiveMode: 'Never', env: [{ name: 1 }] } },
      'exec.env is no list of name and value',
    ],
    [
      {},
      { 'auth-provider': { name: 'gcp' } },
      'auth-provider.name must be oidc; what "gcp" did is done by a credential',
    ],
    [{}, oidc({ 'idp-issuer-url': 'http://x', 'client-id': 'x' }), 'idp-issuer-url must be a URL with https'],
    [{}, oidc({ 'idp-issuer-url': 'https://x' }), 'client-id is missing'],
  ])('with %j %j', async (cluster, user, reason) => {
    const error: unknown = await config(cluster, user).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ name: 'SourceError' })
    expect((error as Error).message).toContain(reason)
    expect((error as Error).message).not.toContain('secret')
  })

  test('when it is broken, without being quoted', async () => {
    await expect(read([write('broken', 'token: "secret')])).rejects.toMatchObject({ reason: 'is no YAML' })
    await expect(read([write('empty', 'users: []')])).rejects.toMatchObject({
      reason: 'has no current-context; name a context with --context',
    })
    const empty = write('empty', 'current-context: none')
    await expect(read([empty])).rejects.toMatchObject({ reason: 'contexts has no entry "none"' })
  })
})
