import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { ApiServer } from '../apiserver/api-server.ts'
import { COLLECTIONS } from '../apiserver/collections.ts'
import { listenIn } from '../apiserver/listen-in.ts'
import type { StreamingLists } from '../apiserver/watch.ts'
import { Lab, now, until } from '../lab/index.ts'
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

interface Observed {
  /** As in {@link allowed}, and paths of what is not known. */
  readonly used: ReadonlySet<string>
  /** Those that were refused. */
  readonly refused: readonly string[]
}

/** Runs the agent with a bearer token that may do what the role allows, until it has used all that is expected. */
async function observe(
  streamingLists: StreamingLists,
  role: ReadonlySet<string>,
  expected: readonly string[],
): Promise<Observed> {
  const api = new ApiServer({ streamingLists })
  api.tokens.set('a-token', { name: 'sluice', mayDo: (verb, collection) => role.has(permission(verb, collection)) })
  await using lab = await Lab.create()
  const node = await lab.node('node-1', { addresses: ['192.168.50.11/24'] })
  await listenIn(node, api)
  const destination = { clusterIPs: ['10.96.0.60'], ports: [{ port: 80 }] }
  const thief = service('thief', destination)
  api.set(nodeObject('node-1', ['192.168.50.11']), service('web', destination))
  api.set(endpointSlice('web', { ports: [{ port: 8080 }], endpoints: ['10.244.1.1'] }))
  const folder = mkdtempSync(path.join(tmpdir(), 'sluice-role-'))
  const kubeconfig = path.join(folder, 'config')
  writeFileSync(kubeconfig, kubeconfigFor(api.url))
  const source = ['kube', '--kubeconfig', kubeconfig]
  const sluice = await Instance.start(node, { source, args: ['--node-name', 'node-1'] })
  const names = () =>
    api.requests.map(({ verb, collection, path }) =>
      collection === undefined ? `${verb} ${path}` : permission(verb, collection),
    )
  try {
    const started = now()
    const isDone = () => {
      // Two Services with one address are reason to complain, each time anew; problems are looked at every two seconds.
      if (Math.floor((now() - started) / 3000) % 2 === 0) api.set(thief)
      else api.delete(thief)
      return expected.every((wanted) => names().includes(wanted))
    }
    await until(isDone, { timeoutMs: 30_000, everyMs: 100, what: `all of ${expected.join(', ')}` })
  } finally {
    await sluice.dispose()
    await api.close()
    rmSync(folder, { recursive: true })
  }
  const refused = names().filter((_, at) => [401, 403].includes(api.requests[at]?.status ?? 0))
  return { used: new Set(names()), refused }
}

function permission(verb: string, collection: keyof typeof COLLECTIONS): string {
  return `${verb} ${COLLECTIONS[collection].group}/${collection}`
}

test('the role has what the agent asks an old and a new API server for, and nothing else', async () => {
  const role = allowed()
  // An API server that cannot stream lists is asked for them otherwise.
  const observed = [
    await observe('refused', role, [...role]),
    await observe(
      'offered',
      role,
      [...role].filter((name) => !name.startsWith('list ')),
    ),
  ]
  expect(observed.flatMap(({ refused }) => refused)).toEqual([])
  const used = new Set(observed.flatMap((each) => [...each.used]))
  expect([...used].sort()).toEqual([...role].sort())
}, 90_000)

function kubeconfigFor(server: string): string {
  return `
current-context: test
contexts: [{ name: test, context: { cluster: test, user: sluice } }]
clusters: [{ name: test, cluster: { server: '${server}' } }]
users: [{ name: sluice, user: { token: a-token } }]
`
}
