// Memory and answers of a Sluice process that loads one YAML file of 10,000 Services x 5 endpoints (about 14 MB).
import { statSync, writeFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { stringify } from 'yaml'
import { Lab, now } from '../test/lab/index.ts'
import { Instance } from '../test/sluice/instance.ts'
import { ManifestFolder, manyServices } from '../test/sluice/manifests.ts'
import { memoryOf } from './support/memory.ts'

const TARGETS = { settledMB: 200, peakMB: 400, answerMs: 100 }
/** How long the process may take to give memory back. Milliseconds. */
const SETTLE_MS = 5000

const folder = new ManifestFolder()
const file = folder.file('cluster.yaml')
const bulk = { labels: { 'app.kubernetes.io/managed-by': 'bench', 'app.kubernetes.io/part-of': 'a-large-cluster' } }
writeFileSync(
  file,
  [...manyServices(10_000, 5)].map((object) => `---\n${stringify(withClusterFields(object))}`).join(''),
)

/** Objects as a cluster holds them: with fields that Sluice has no use for. */
function withClusterFields(object: Readonly<Record<string, unknown>>): unknown {
  const metadata = object['metadata'] as Record<string, unknown>
  const labels = { ...bulk.labels, ...(metadata['labels'] as object | undefined) }
  const managed = {
    uid: '6b1f6a3e-8f1e-4f9c-9d59-0f6f0f0c2a11',
    resourceVersion: '123456',
    creationTimestamp: '2026-11-01T08:00:00Z',
  }
  return { ...object, metadata: { ...metadata, ...managed, labels } }
}

await using lab = await Lab.create()
const node = await lab.node('node-1', { addresses: ['192.168.50.11/24'] })
const started = now()
const sluice = Instance.spawn(node, { input: file, args: ['--node-name', 'node-1'] })
const answers: number[] = []
let served = 0
for (;;) {
  const asked = now()
  const status = await sluice.tryStatus()
  if (status !== undefined) answers.push(now() - asked)
  if (status?.state === 'serving') {
    served = now()
    break
  }
  if (sluice.process.exitCode !== null) throw new Error(sluice.output)
  await delay(5)
}
await delay(SETTLE_MS)
const memory = memoryOf(sluice.process.pid ?? 0)
await sluice.dispose()
const size = statSync(file).size / 1e6
folder.dispose()

answers.sort((a, b) => a - b)
const longest = answers.at(-1) ?? 0
const row = (what: string, value: string, target: string, met: boolean) => {
  console.log(`${what.padEnd(44)} ${value.padStart(10)}   target ${target.padEnd(12)} ${met ? 'met' : 'MISSED'}`)
}
console.log(
  `one YAML file of ${size.toFixed(1)} MB, 10,000 Services x 5 endpoints; served after ${((served - started) / 1000).toFixed(1)} s`,
)
row(
  'resident memory once settled',
  `${memory.resident.toFixed(0)} MB`,
  `< ${TARGETS.settledMB} MB`,
  memory.resident < TARGETS.settledMB,
)
row(
  'resident memory at the peak',
  `${memory.peak.toFixed(0)} MB`,
  `< ${TARGETS.peakMB} MB`,
  memory.peak < TARGETS.peakMB,
)
row(
  `slowest of ${answers.length} status answers while loading`,
  `${longest.toFixed(1)} ms`,
  `< ${TARGETS.answerMs} ms`,
  longest < TARGETS.answerMs,
)
