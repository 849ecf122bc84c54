import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { TestAuthority } from '../../../test/fixtures/certificates.ts'
import { serverUrl } from './api-server.ts'
import { type ApiServerOptions, findApiServer } from './find-api-server.ts'

const directory = mkdtempSync(path.join(tmpdir(), 'sluice-api-server-'))
const authority = new TestAuthority()
const SERVER = [serverUrl('https://192.0.2.10:6443', 'test')]
const IN_POD = { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '443' }

afterAll(() => rmSync(directory, { recursive: true }))

/** A folder with a service account, or with whatever else. */
function folder(name: string, files: Readonly<Record<string, string>>): string {
  const folder = path.join(directory, name)
  mkdirSync(folder, { recursive: true })
  for (const [file, text] of Object.entries(files)) writeFileSync(path.join(folder, file), text)
  return folder
}

const account = folder('account', { 'ca.crt': authority.cert, token: 'of-the-pod\n' })
const nothing = folder('nothing', {})

function kubeconfig(name: string, cluster: object = {}): string {
  const config = {
    'current-context': 'here',
    contexts: [{ name: 'here', context: { cluster: 'c', user: 'u' } }],
    clusters: [{ name: 'c', cluster: { server: `https://${name}`, 'tls-server-name': 'api', ...cluster } }],
    users: [{ name: 'u', user: { token: `of-${name}` } }],
  }
  return path.join(folder('configs', { [name]: JSON.stringify(config) }), name)
}

/** Where it is found, who we are there, and whose certificate is wanted. */
async function found(options: Partial<ApiServerOptions>): Promise<unknown> {
  const none = { servers: [], kubeconfig: undefined, context: undefined, tlsServerName: undefined, environment: {} }
  const server = await findApiServer({ ...none, serviceAccount: nothing, ...options })
  if (server === undefined) return undefined
  const urls = [server.url, ...(server.others ?? [])].map(({ host, protocol }) => `${protocol}//${host}`)
  const { authorization = '-' } = (await server.credentials?.get()) ?? {}
  return [urls.join(' '), authorization, server.ca === undefined ? 'system' : 'own', server.serverName ?? '-']
}

describe('the API server', () => {
  test('is nowhere unless something says where', async () => {
    expect(await found({})).toBeUndefined()
    expect(await found({ environment: { KUBECONFIG: '/nowhere/at/all::' } })).toBeUndefined()
    expect(await found({ serviceAccount: account })).toBeUndefined()
  })

  test('is in the environment of a pod, and so is who we are', async () => {
    const pod = ['https://[fd00::1]', 'Bearer of-the-pod', 'own', '-']
    expect(await found({ environment: IN_POD, serviceAccount: account })).toEqual(pod)
  })

  test('is where --server says; in a pod the service account still counts', async () => {
    const bootstrap = ['https://192.0.2.10:6443', 'Bearer of-the-pod', 'own', '-']
    expect(await found({ servers: SERVER, serviceAccount: account })).toEqual(bootstrap)
    expect(await found({ servers: SERVER, serviceAccount: account, environment: IN_POD })).toEqual(bootstrap)
    expect(await found({ servers: SERVER })).toEqual(['https://192.0.2.10:6443', '-', 'system', '-'])
  })

  test('gets no token of the pod over a connection that anybody can read', async () => {
    const servers = [serverUrl('http://127.0.0.1:8001', 'test')]
    expect(await found({ servers, serviceAccount: account })).toEqual(['http://127.0.0.1:8001', '-', 'system', '-'])
  })

  test('is where API_PUBLIC_ENDPOINT says, unless --server does', async () => {
    const environment = { ...IN_POD, API_PUBLIC_ENDPOINT: 'https://192.0.2.20:6443, https://api.example' }
    const both = ['https://192.0.2.20:6443 https://api.example', 'Bearer of-the-pod', 'own', '-']
    expect(await found({ environment, serviceAccount: account })).toEqual(both)
    const given = ['https://192.0.2.10:6443', 'Bearer of-the-pod', 'own', '-']
    expect(await found({ servers: SERVER, environment, serviceAccount: account })).toEqual(given)
    const broken = found({ environment: { API_PUBLIC_ENDPOINT: '192.0.2.20:6443' } })
    await expect(broken).rejects.toMatchObject({ code: 'SOURCE_SYNTAX', origin: 'API_PUBLIC_ENDPOINT' })
  })

  test('is where a kubeconfig says, in a pod, too', async () => {
    const environment = { ...IN_POD, KUBECONFIG: ['/nowhere', kubeconfig('second'), kubeconfig('third')].join(':') }
    const first = ['https://first', 'Bearer of-first', 'system', 'api']
    expect(await found({ kubeconfig: kubeconfig('first'), environment, serviceAccount: account })).toEqual(first)
    const second = ['https://second', 'Bearer of-second', 'system', 'api']
    expect(await found({ environment, serviceAccount: account })).toEqual(second)
  })

  test('is who a kubeconfig says, at another address with the name there', async () => {
    const options = { servers: SERVER, kubeconfig: kubeconfig('first') }
    expect(await found(options)).toEqual(['https://192.0.2.10:6443', 'Bearer of-first', 'system', '-'])
    const named = ['https://192.0.2.10:6443', 'Bearer of-first', 'system', 'kubernetes']
    expect(await found({ ...options, tlsServerName: 'kubernetes' })).toEqual(named)
  })

  test('has the name of --tls-server-name for a pod, too', async () => {
    const environment = { ...IN_POD, API_PUBLIC_ENDPOINT: 'https://192.0.2.20' }
    const named = ['https://192.0.2.20', 'Bearer of-the-pod', 'own', 'kubernetes.default']
    expect(await found({ environment, serviceAccount: account, tlsServerName: 'kubernetes.default' })).toEqual(named)
  })

  test.each([
    [{ kubeconfig: '/nowhere' }, 'SOURCE_NOT_FOUND', '/nowhere: does not exist'],
    [{ context: 'x' }, 'SOURCE_NOT_FOUND', 'there is no kubeconfig that could have the context "x"'],
    [{ environment: IN_POD }, 'SOURCE_NOT_FOUND', 'the pod has no service account token'],
    [
      { kubeconfig: kubeconfig('bad', { 'certificate-authority': 'missing' }) },
      'SOURCE_NOT_FOUND',
      'missing: does not exist',
    ],
    [
      { kubeconfig: kubeconfig('worse', { 'certificate-authority-data': 'AAAA' }) },
      'SOURCE_CREDENTIALS',
      'no PEM certificate',
    ],
  ])('that cannot be found by %j is an error', async (options, code, message) => {
    const error: unknown = await found(options).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code })
    expect((error as Error).message).toContain(message)
  })
})
