import { until } from '../lab/index.ts'
import type { Manifest } from '../sluice/manifests.ts'
import { ApiServer } from './api-server.ts'
import type { Endpoint } from './client.ts'
import { apiVersionOf, COLLECTIONS, collectionOf, metaOf } from './collections.ts'
import { RealApiServer, reasonWithoutReal } from './real.ts'

/** Somebody who may list Services, and nothing else. */
export interface Reader {
  readonly name: string
  readonly token: string
}

/** An API server that the same tests are run against, whatever it is made of. Its own token is for everything. */
export interface ServerUnderTest extends Endpoint {
  /** A new namespace: objects of other tests are not in it. @returns its name. */
  namespace(): Promise<string>
  /** @returns the resource version. */
  create(object: Manifest): Promise<string>
  /** @returns the resource version. */
  replace(object: Manifest): Promise<string>
  delete(object: Manifest): Promise<void>
  reader(): Promise<Reader>
  /** Nothing of the states up to now is known any more. Open connections may end. */
  forget(): Promise<void>
  dispose(): Promise<void>
}

/** One that can be tested, or the reason why it cannot. */
export interface Candidate {
  readonly name: string
  /** Undefined when it can. */
  readonly reason: string | undefined
  readonly start: () => Promise<ServerUnderTest>
}

const reason = reasonWithoutReal()

export const CANDIDATES: readonly Candidate[] = [
  { name: 'the API server for tests', reason: undefined, start: async () => InProcess.start() },
  {
    name: reason === undefined ? 'a real API server' : `a real API server (left out: ${reason})`,
    reason,
    start: async () => Real.start(),
  },
]

class InProcess implements ServerUnderTest {
  readonly token = 'admin-token'
  readonly #api = new ApiServer()
  #namespaces = 0

  static async start(): Promise<InProcess> {
    const server = new InProcess()
    server.#api.tokens.set(server.token, { name: 'admin' })
    await server.#api.listen('127.0.0.1')
    return server
  }

  get url(): string {
    return this.#api.url
  }

  async namespace(): Promise<string> {
    return `ns-${++this.#namespaces}`
  }

  async create(object: Manifest): Promise<string> {
    this.#api.set(object)
    return this.#api.resourceVersion
  }

  async replace(object: Manifest): Promise<string> {
    return this.create(object)
  }

  async delete(object: Manifest): Promise<void> {
    this.#api.delete(object)
  }

  async reader(): Promise<Reader> {
    const reader = { name: 'reader', token: 'reader-token' }
    const mayDo = (verb: string, collection: string) => verb === 'list' && collection === 'services'
    this.#api.tokens.set(reader.token, { name: reader.name, mayDo })
    return reader
  }

  async forget(): Promise<void> {
    this.#api.compact()
  }

  async dispose(): Promise<void> {
    await this.#api.close()
  }
}

const RBAC = '/apis/rbac.authorization.k8s.io/v1'

class Real implements ServerUnderTest {
  readonly #real: RealApiServer
  #namespaces = 0

  private constructor(real: RealApiServer) {
    this.#real = real
  }

  static async start(): Promise<Real> {
    return new Real(await RealApiServer.start())
  }

  get url(): string {
    return this.#real.url
  }

  get ca(): Buffer {
    return this.#real.ca
  }

  get token(): string {
    return this.#real.token
  }

  async namespace(): Promise<string> {
    const name = `ns-${++this.#namespaces}`
    await this.#real.must('POST', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
    return name
  }

  async create(object: Manifest): Promise<string> {
    return metaOf(await this.#real.must('POST', placeOf(object), object)).resourceVersion ?? ''
  }

  async replace(object: Manifest): Promise<string> {
    return (
      metaOf(await this.#real.must('PUT', `${placeOf(object)}/${metaOf(object).name}`, object)).resourceVersion ?? ''
    )
  }

  async delete(object: Manifest): Promise<void> {
    await this.#real.must('DELETE', `${placeOf(object)}/${metaOf(object).name}`)
  }

  async reader(): Promise<Reader> {
    const namespace = await this.namespace()
    const metadata = { name: `reader-of-${namespace}` }
    const subjects = [{ kind: 'ServiceAccount', namespace, name: 'reader' }]
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: metadata.name }
    const rules = [{ apiGroups: [''], resources: ['services'], verbs: ['list'] }]
    await this.#real.must('POST', `/api/v1/namespaces/${namespace}/serviceaccounts`, { metadata: { name: 'reader' } })
    await this.#real.must('POST', `${RBAC}/clusterroles`, { metadata, rules })
    await this.#real.must('POST', `${RBAC}/clusterrolebindings`, { metadata, subjects, roleRef })
    const name = `system:serviceaccount:${namespace}:reader`
    const token = await this.#real.tokenOf(namespace, 'reader')
    await this.#allowed(name)
    return { name, token }
  }

  /** From memory: as they are in etcd, old states are answered for some time after a compaction. */
  async forget(): Promise<void> {
    await this.#real.stopServer()
    await this.#real.compact()
    await this.#real.startServer()
  }

  async dispose(): Promise<void> {
    await this.#real.dispose()
  }

  /** Rules of RBAC count a moment later. */
  async #allowed(user: string): Promise<void> {
    const review = { spec: { user, resourceAttributes: { verb: 'list', resource: 'services' } } }
    const isAllowed = async () => {
      const { status } = await this.#real.must('POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews', review)
      return (status as { allowed?: boolean }).allowed === true
    }
    await until(isAllowed, { timeoutMs: 30_000, everyMs: 20, what: `the rights of ${user}` })
  }
}

function placeOf(object: Manifest): string {
  const spec = COLLECTIONS[collectionOf(object)]
  const root = spec.group === '' ? `/api/${spec.version}` : `/apis/${apiVersionOf(spec)}`
  return `${root}/${spec.namespaced ? `namespaces/${metaOf(object).namespace}/` : ''}${spec.name}`
}
