import { readFileSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Entry } from '../../src/kernel/conntrack/fake/entry.ts'
import type { Status } from '../../src/observe/status.ts'
import { Lab, type Namespace, until } from '../lab/index.ts'
import { countFlows, createFlows, PROTOCOL } from '../sluice/flows.ts'
import { Instance } from '../sluice/instance.ts'
import { endpointSlice, ManifestFolder, service } from '../sluice/manifests.ts'
import { Probe, prefer } from '../sluice/probe.ts'

const ENTRIES = 1_000_000
/** One in so many entries goes to the endpoint that is replaced. */
const STALE_EVERY = 10
const LIMIT = '/proc/sys/net/netfilter/nf_conntrack_max'
const [GONE, STAYS, NEW] = ['10.244.1.1', '10.244.1.2', '10.244.1.3']
const DESTINATION = '10.96.0.60'

let lab: Lab
let node: Namespace
let limitBefore: string
let manifests: ManifestFolder

beforeEach(async () => {
  // One limit for the machine, which only its first namespace can change.
  limitBefore = readFileSync(LIMIT, 'utf8').trim()
  writeFileSync(LIMIT, String(Math.max(Number(limitBefore), ENTRIES + 100_000)))
  manifests = new ManifestFolder()
  lab = await Lab.create()
  node = await lab.namespace('node')
}, 30_000)

afterEach(async () => {
  await lab.close()
  writeFileSync(LIMIT, limitBefore)
  manifests.dispose()
}, 30_000)

function write(endpoints: readonly string[]): void {
  const ports = [{ name: 'dns', port: 53, protocol: 'UDP' }]
  manifests.write('dns.yaml', [
    service('dns', { clusterIPs: [DESTINATION], ports: [{ name: 'dns', port: 53, protocol: 'UDP' }] }),
    endpointSlice('dns', { ports, endpoints }),
  ])
}

/** Half of them TCP, half of them UDP; all to the Service. */
function* entries(): Generator<Entry> {
  const bytes = (address: string) => Uint8Array.from(address.split('.').map(Number))
  const destination = { address: bytes(DESTINATION), port: 53 }
  const [gone, stays] = [GONE, STAYS].map((address) => ({ address: bytes(address), port: 53 }))
  if (gone === undefined || stays === undefined) return
  for (let i = 0; i < ENTRIES; i++) {
    const source = { address: Uint8Array.of(10, 245, i >> 16, i >> 8), port: 20_000 + (i & 0xff) }
    const protocol = i % 2 === 0 ? PROTOCOL.UDP : PROTOCOL.TCP
    yield { protocol, source, destination, replySource: i % STALE_EVERY === 0 ? gone : stays }
  }
}

test('an endpoint is replaced under 1,000,000 entries: exactly the stale ones go, and /livez answers within 100 ms (promise 78)', {
  timeout: 60_000,
  retry: 2,
}, async () => {
  write([GONE, STAYS])
  const instance = await Instance.start(node, {
    input: manifests.path,
    args: ['--node-name', 'node-1', '--min-sync-period', '0s'],
  })
  try {
    await createFlows(node, entries())
    const stale = ENTRIES / STALE_EVERY
    expect(await countFlows(node, 'UDP')).toEqual(
      new Map([
        [`${DESTINATION} 53 by ${GONE} 53`, stale],
        [`${DESTINATION} 53 by ${STAYS} 53`, ENTRIES / 2 - stale],
      ]),
    )
    prefer(instance.process)
    const probe = await Probe.start(node, { url: 'http://127.0.0.1:10256/livez' })
    const start = performance.now()
    write([STAYS, NEW])
    // The next change does not wait for it.
    const { revision: before } = await instance.waitFor('the change', ({ revision }) => revision > 1)
    manifests.write('web.yaml', [service('web', { clusterIPs: ['10.96.0.61'], ports: [{ name: 'http', port: 80 }] })])
    const isNextServed = (status: Status) => status.servedRevision > before
    expect((await instance.waitFor('the next change', isNextServed)).counts.staleFlowsDeleted).toBeLessThan(stale)
    const isDone = async () => (await instance.status()).counts.staleFlowsDeleted >= stale
    await until(isDone, { timeoutMs: 30_000, everyMs: 50, what: 'stale flows deleted' })
    const duration = performance.now() - start
    const report = await probe.stop()
    console.log(`cleanup among ${ENTRIES} entries: ${duration.toFixed(0)} ms`, report)
    expect((await instance.status()).counts.staleFlowsDeleted).toBe(stale)
    expect(await countFlows(node, 'UDP')).toEqual(new Map([[`${DESTINATION} 53 by ${STAYS} 53`, ENTRIES / 2 - stale]]))
    // Beside them there are the probe's own.
    expect((await countFlows(node, 'TCP')).get(`${DESTINATION} 53 by ${STAYS} 53`)).toBe(ENTRIES / 2)
    expect(report.failures).toBe(0)
    expect(report.answers).toBeGreaterThan(10)
    expect(report.slowest).toBeLessThan(100)
  } finally {
    await instance.dispose()
  }
})
