// `npm run demo`: real requests to a Service's cluster IP and node port, served by nftables elements that Sluice made from
// ordinary manifests, in network namespaces that are gone afterwards.
import { cpSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseAllDocuments, stringify } from 'yaml'
import { Lab, type LabNode, type Namespace, now, type Pod, type RequestSpec, until } from '../test/lab/index.ts'
import { countTables, Instance } from '../test/sluice/instance.ts'

const CLUSTER_IP = { 4: '10.96.10.10', 6: 'fd00:10:96::1010' }
const NODE_IP = { 4: '192.168.50.11', 6: 'fd00:192:168:50::11' }
const NODE_PORT = 30080
const REQUESTS = 30
const MORE_SERVICES = 1000

const isTerminal = process.stdout.isTTY
const paint = (code: number) => (text: string) => (isTerminal ? `\u001b[${code}m${text}\u001b[0m` : text)
const [bold, green, red, dim] = [paint(1), paint(32), paint(31), paint(2)]
const startedAt = now()
let failures = 0

function step(title: string): void {
  console.log(`\n${bold(title)} ${dim(`(${((now() - startedAt) / 1000).toFixed(1)} s)`)}`)
}

function check(isGood: boolean, text: string): void {
  if (!isGood) failures++
  console.log(`  ${isGood ? green('ok') : red('WRONG')}  ${text}`)
}

await using lab = await Lab.create()
const folder = mkdtempSync(path.join(tmpdir(), 'sluice-demo-'))
cpSync(new URL('../examples/hello', import.meta.url), folder, { recursive: true })
try {
  await demo(lab)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
console.log(
  failures === 0 ? green('\nEvery request was answered as it should.') : red(`\n${failures} things went wrong.`),
)
process.exitCode = failures === 0 ? 0 : 1

async function demo(lab: Lab): Promise<void> {
  step('A node with three pods and a client outside, each in a network namespace of its own')
  const node = await lab.node('node-1', {
    addresses: [`${NODE_IP[4]}/24`, `${NODE_IP[6]}/64`],
    podCIDRs: ['10.244.1.0/24', 'fd00:10:244:1::/64'],
  })
  const outside = await lab.client('outside', { addresses: ['192.168.50.200/24', 'fd00:192:168:50::200/64'] })
  const pods = new Map<string, Pod>()
  for (const number of [1, 2, 3]) pods.set(`hello-${number}`, await helloPod(node, number))
  const shopper = await node.pod('shopper', { addresses: ['10.244.1.100', 'fd00:10:244:1::100'] })
  for (const pod of pods.values()) console.log(`  ${pod.name.padEnd(8)} ${pod.addresses.join('  ')}  port 8080`)

  step('Sluice reads examples/hello and programs the node')
  const sluice = await Instance.start(node, {
    input: folder,
    args: ['--node-name', 'node-1', '--cluster-cidr', '10.244.0.0/16,fd00:10:244::/48'],
  })
  try {
    const { counts, plane } = await sluice.status()
    console.log(`  plane ${plane}: ${counts.virtualServers} virtual servers, ${counts.endpoints} endpoints`)
    await showAnswers(shopper, 'a pod asks the cluster IP', CLUSTER_IP[4], 80)
    await showAnswers(shopper, 'a pod asks the cluster IP', CLUSTER_IP[6], 80)
    await showAnswers(outside, 'a client outside asks the node port', NODE_IP[4], NODE_PORT)
    await showAnswers(outside, 'a client outside asks the node port', NODE_IP[6], NODE_PORT)
    await showRefusal(shopper)
    await showChanges(node, shopper, sluice)
    await showConstantRules(node, shopper, sluice)
  } finally {
    await sluice.dispose()
  }
}

async function helloPod(node: LabNode, number: number): Promise<Pod> {
  const pod = await node.pod(`hello-${number}`, {
    addresses: [`10.244.1.1${number}`, `fd00:10:244:1::1${number}`],
  })
  await pod.serve({ protocol: 'http', port: 8080, name: pod.name })
  return pod
}

async function showAnswers(from: Namespace, what: string, address: string, port: number): Promise<void> {
  const host = address.includes(':') ? `[${address}]` : address
  step(`${REQUESTS} requests: ${what}, http://${host}:${port}/`)
  const results = await from.requests({ protocol: 'http', address, port, count: REQUESTS })
  const answers = new Map<string, number>()
  for (const result of results) {
    const who = result.verdict === 'answered' ? result.name : result.verdict
    answers.set(who, (answers.get(who) ?? 0) + 1)
  }
  for (const [who, count] of [...answers].sort()) console.log(`  ${who.padEnd(8)} ${'#'.repeat(count)} ${count}`)
  const answered = results.filter((result) => result.verdict === 'answered')
  check(answered.length === REQUESTS, `${answered.length} of ${REQUESTS} answered`)
  // With three pods, a pod that never answers 30 requests has a chance of one in 190,000.
  check(answers.size === 3, `by ${[...answers.keys()].sort().join(', ')}`)
  const [first] = answered
  if (first !== undefined) console.log(dim(`  the pod saw the client as ${first.client}`))
}

async function showRefusal(from: Namespace): Promise<void> {
  step('A port of the cluster IP that the Service does not have')
  const result = await from.request({ protocol: 'tcp', address: CLUSTER_IP[4], port: 81 })
  check(result.verdict === 'refused', `${CLUSTER_IP[4]}:81 is ${result.verdict}`)
}

async function showChanges(node: LabNode, shopper: Namespace, sluice: Instance): Promise<void> {
  step('A pod comes and a pod goes, while 200 requests a second keep flowing')
  const newPod = await helloPod(node, 4)
  const spec: RequestSpec = { protocol: 'http', address: CLUSTER_IP[4], port: 80 }
  const load = await shopper.load({ ...spec, perSecond: 200 })
  await until(async () => (await load.report()).sent > 50, { what: 'requests flowing' })

  const comes = now()
  editEndpoints((endpoints) => [...endpoints, ...endpoints.slice(-1).map(asFourthPod)])
  await until(async () => (await load.report()).firstAnswer[newPod.name], { what: 'an answer of the new pod' })
  const first = (await load.report()).firstAnswer[newPod.name] ?? 0
  console.log(`  hello-4 answers ${(first - comes).toFixed(0)} ms after its line was saved (requests come every 5 ms)`)

  const { revision } = await sluice.status()
  const goes = now()
  editEndpoints((endpoints) => endpoints.slice(1))
  await sluice.waitFor('the removal served', (status) => status.servedRevision > revision)
  const gone = now()
  await until(async () => (await load.report()).sent > 400, { what: 'requests after the removal' })
  const report = await load.stop()
  const last = report.lastAnswer['hello-1'] ?? 0
  console.log(`  hello-1 gets no new request ${(gone - goes).toFixed(0)} ms after its line was deleted`)
  check(last < gone + 50, 'hello-1 answered nothing after it had gone')
  check(report.failures.length === 0, `${report.sent} requests meanwhile, ${report.failures.length} failed`)
  for (const [who, count] of Object.entries(report.answered).sort()) console.log(`  ${who.padEnd(8)} ${count}`)
}

interface ManifestEndpoint {
  readonly addresses: readonly string[]
}

function asFourthPod(endpoint: ManifestEndpoint): ManifestEndpoint {
  return { ...endpoint, addresses: endpoint.addresses.map((address) => address.replace(/13$/, '14')) }
}

/** Edits the endpoints of both EndpointSlices and saves the file. */
function editEndpoints(edit: (endpoints: readonly ManifestEndpoint[]) => readonly ManifestEndpoint[]): void {
  const documents = parseAllDocuments(readFileSync(path.join(folder, 'hello.yaml'), 'utf8'))
  const objects = documents.map((document) => document.toJS() as { endpoints?: readonly ManifestEndpoint[] })
  const edited = objects.map((object) => (object.endpoints ? { ...object, endpoints: edit(object.endpoints) } : object))
  replaceFile('hello.yaml', edited.map((object) => stringify(object)).join('---\n'))
}

async function showConstantRules(node: LabNode, shopper: Namespace, sluice: Instance): Promise<void> {
  step(`${MORE_SERVICES} more Services`)
  const before = await countTables(node)
  const saved = now()
  replaceFile('more.yaml', moreServices())
  await sluice.waitFor('the Services served', ({ counts, revision, servedRevision }) => {
    return counts.services === MORE_SERVICES + 1 && servedRevision === revision
  })
  const served = now()
  const after = await countTables(node)
  console.log(`  programmed ${(served - saved).toFixed(0)} ms after the file was saved`)
  console.log(`  rules  ${before.rules} before, ${after.rules} after`)
  console.log(`  chains ${before.chains} before, ${after.chains} after`)
  check(before.rules === after.rules && before.chains === after.chains, 'not one rule or chain more')
  const last = `10.97.${(MORE_SERVICES - 1) >> 8}.${(MORE_SERVICES - 1) & 255}`
  const result = await shopper.request({ protocol: 'http', address: last, port: 80 })
  check(result.verdict === 'answered', `the last of them, ${last}, is ${result.verdict}`)
}

function moreServices(): string {
  const items = Array.from({ length: MORE_SERVICES }, (_, i) => [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { namespace: 'more', name: `s-${i}` },
      spec: { clusterIP: `10.97.${i >> 8}.${i & 255}`, ports: [{ name: 'http', port: 80 }] },
    },
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { namespace: 'more', name: `s-${i}`, labels: { 'kubernetes.io/service-name': `s-${i}` } },
      addressType: 'IPv4',
      ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
      endpoints: [{ addresses: ['10.244.1.12'] }, { addresses: ['10.244.1.13'] }],
    },
  ])
  return items
    .flat()
    .map((item) => `---\n${JSON.stringify(item)}\n`)
    .join('')
}

/** Writes a file as careful programs do: beside, and then moved into its place. */
function replaceFile(name: string, text: string): void {
  const hidden = path.join(folder, `.${name}.new`)
  writeFileSync(hidden, text)
  renameSync(hidden, path.join(folder, name))
}
