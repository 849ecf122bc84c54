import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { ApiServer } from '../apiserver/api-server.ts'
import { COLLECTIONS } from '../apiserver/collections.ts'
import { Lab, until } from '../lab/index.ts'
import { Instance } from '../sluice/instance.ts'
import { endpointSlice, nodeObject, service } from '../sluice/manifests.ts'

interface Rule {
  readonly apiGroups: readonly string[]
  readonly resources: readonly string[]
  readonly verbs: readonly string[]
}

/** What the role allows, as `verb group/resource`. */
function allowed(): Set<string> {
  const [role] = parseAllDocuments(readFileSync('deploy/base/cluster-role.yaml', 'utf8'))
  const { rules } = role?.toJS() as { readonly rules: readonly Rule[] }
  const permissions = rules.flatMap(({ apiGroups, resources, verbs }) =>
    verbs.flatMap((verb) => apiGroups.flatMap((group) => resources.map((resource) => `${verb} ${group}/${resource}`))),
  )
  return new Set(permissions)
}

test('the role has what the agent asks the API server for, and nothing else', async () => {
  const role = allowed()
  const permission = (verb: string, collection: keyof typeof COLLECTIONS) =>
    `${verb} ${COLLECTIONS[collection].group}/${collection}`
  const api = new ApiServer()
  api.tokens.set('a-token', {
    name: 'sluice',
    mayDo: (verb, collection) => role.has(permission(verb, collection)),
  })
  await using lab = await Lab.create()
  const node = await lab.node('node-1', { addresses: ['192.168.50.11/24'] })
  let listening: Promise<void> | undefined
  node.inNamespace(() => {
    listening = api.listen()
  })
  await listening
  // One Service is well, and one gives reason to complain.
  const destination = { clusterIPs: ['10.96.0.60'], ports: [{ port: 80 }] }
  api.set(nodeObject('node-1', ['192.168.50.11']))
  api.set(service('web', destination), service('thief', destination))
  api.set(endpointSlice('web', { ports: [{ port: 8080 }], endpoints: ['10.244.1.1'] }))
  const folder = mkdtempSync(path.join(tmpdir(), 'sluice-role-'))
  const kubeconfig = path.join(folder, 'config')
  writeFileSync(kubeconfig, kubeconfigFor(api.url))
  const source = ['kube', '--kubeconfig', kubeconfig]
  const sluice = await Instance.start(node, { source, args: ['--node-name', 'node-1'] })
  const used = () =>
    new Set(
      api.requests.map(({ verb, collection, path }) =>
        collection === undefined ? `${verb} ${path}` : permission(verb, collection),
      ),
    )
  await until(() => [...role].every((rule) => used().has(rule)), { timeoutMs: 30_000, what: [...role].join(', ') })
  await sluice.dispose()
  await api.close()
  rmSync(folder, { recursive: true })

  expect([...used()].sort()).toEqual([...role].sort())
  expect(api.requests.filter(({ status }) => status === 401 || status === 403)).toEqual([])
})

function kubeconfigFor(server: string): string {
  return `
current-context: test
contexts: [{ name: test, context: { cluster: test, user: sluice } }]
clusters: [{ name: test, cluster: { server: '${server}' } }]
users: [{ name: sluice, user: { token: a-token } }]
`
}
