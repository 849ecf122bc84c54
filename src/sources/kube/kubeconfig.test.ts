import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { inCluster } from './in-cluster.ts'
import { readKubeconfig } from './kubeconfig.ts'

const directory = mkdtempSync(path.join(tmpdir(), 'sluice-kubeconfig-'))

afterAll(() => rmSync(directory, { recursive: true }))

function write(name: string, content: unknown): string {
  const file = path.join(directory, name)
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content))
  return file
}

function config(cluster: object, user: object): string {
  return write('config', {
    'current-context': 'here',
    contexts: [
      { name: 'elsewhere', context: { cluster: 'x', user: 'x' } },
      { name: 'here', context: { cluster: 'c', user: 'u' } },
    ],
    clusters: [{ name: 'c', cluster: { server: 'https://192.0.2.1:6443', ...cluster } }],
    users: [{ name: 'u', user }],
  })
}

const base64 = (text: string) => Buffer.from(text).toString('base64')

describe('a kubeconfig', () => {
  test('has certificates inline', async () => {
    const cluster = { 'certificate-authority-data': base64('CA'), 'tls-server-name': 'kubernetes' }
    const user = { 'client-certificate-data': base64('CERT'), 'client-key-data': base64('KEY') }
    const server = await readKubeconfig(config(cluster, user))
    expect(server).toEqual({
      url: new URL('https://192.0.2.1:6443'),
      ca: Buffer.from('CA'),
      cert: Buffer.from('CERT'),
      key: Buffer.from('KEY'),
      serverName: 'kubernetes',
      isInsecure: false,
    })
  })

  test('or in files beside it, and the token is read each time', async () => {
    write('ca.crt', 'CA')
    write('token', 'first\n')
    const server = await readKubeconfig(config({ 'certificate-authority': 'ca.crt' }, { tokenFile: 'token' }))
    expect(server.ca?.toString()).toBe('CA')
    expect(await server.token?.()).toBe('first')
    write('token', 'second')
    expect(await server.token?.()).toBe('second')
    rmSync(path.join(directory, 'token'))
    await expect(server.token?.()).rejects.toMatchObject({ code: 'SOURCE_CREDENTIALS' })
  })

  test('may have the token itself', async () => {
    expect(await (await readKubeconfig(config({}, { token: 'secret' }))).token?.()).toBe('secret')
  })

  test.each([
    [{ 'proxy-url': 'http://proxy' }, {}, 'SOURCE_CREDENTIALS', 'clusters[c].cluster.proxy-url is not supported yet'],
    [{}, { exec: { command: 'login' } }, 'SOURCE_CREDENTIALS', 'users[u].user.exec is not supported yet'],
    [{}, { 'auth-provider': {} }, 'SOURCE_CREDENTIALS', 'users[u].user.auth-provider is not supported yet'],
    [{ server: 'nowhere' }, {}, 'SOURCE_SYNTAX', 'the server must be a URL such as https://10.0.0.1:6443'],
    [{ 'certificate-authority': 'missing' }, {}, 'SOURCE_NOT_FOUND', 'does not exist'],
    [{}, { token: 7 }, 'SOURCE_SYNTAX', 'users[u].user.token is no text'],
  ])('is refused with %j %j', async (cluster, user, code, reason) => {
    await expect(readKubeconfig(config(cluster, user))).rejects.toMatchObject({ code, reason })
  })

  test('that is broken is refused without being quoted', async () => {
    await expect(readKubeconfig(write('broken', 'token: "secret'))).rejects.toMatchObject({ reason: 'is no YAML' })
    const empty = write('empty', 'current-context: none')
    await expect(readKubeconfig(empty)).rejects.toMatchObject({ reason: 'contexts has no entry "none"' })
  })
})

describe('a pod', () => {
  test('knows the API server by its environment and service account', async () => {
    write('ca.crt', 'CA')
    write('token', 'pod')
    const server = await inCluster({ KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '443' }, directory)
    expect(server?.url.href).toBe('https://[fd00::1]/')
    expect(server?.ca?.toString()).toBe('CA')
    expect(await server?.token?.()).toBe('pod')
  })

  test('is not what runs elsewhere', async () => {
    expect(await inCluster({}, directory)).toBeUndefined()
  })
})
