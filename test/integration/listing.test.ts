import { afterAll, beforeAll, expect, test } from 'vitest'
import { Lab, type LabNode } from '../lab/index.ts'
import { countTables, Instance } from '../sluice/instance.ts'
import { endpointSlice, type Manifest, ManifestFolder, manyServices, service } from '../sluice/manifests.ts'
import { SLUICE } from '../sluice/process.ts'

const SHOP = new URL('../../examples/shop', import.meta.url).pathname
const ARGS = ['--node-name', 'node-1', '--cluster-cidr', '10.244.0.0/16,fd00:10:244::/48']

let lab: Lab
let node: LabNode

beforeAll(async () => {
  lab = await Lab.create()
  node = await lab.node('node-1', { addresses: ['192.168.50.11/24', 'fd00:192:168:50::11/64'] })
})

afterAll(async () => {
  await lab.close()
})

async function sluiceOnce(input: string): Promise<void> {
  await node.exec(SLUICE, ['file', '--input', input, 'to-local', 'to-nft', '--once', ...ARGS])
}

/** The listing, without the order in which a hash map happens to give its elements. */
async function listing(): Promise<string[]> {
  const { stdout } = await node.exec('nft', ['list', 'ruleset'])
  return stdout
    .split('\n')
    .flatMap((line) => line.replace(/^\s*elements = \{/, '').split(/,(?= |$)/))
    .map((line) => line.replace(/[ }]+$/, '').trim())
    .filter((line) => line !== '')
    .sort()
}

test('what nft lists, nft loads again, and lists the same', async () => {
  await sluiceOnce(SHOP)
  const { stdout } = await node.exec('nft', ['list', 'ruleset'])
  const before = await listing()
  expect(stdout).toContain('comment "shop/storefront:https"')
  await node.exec('nft', ['flush', 'ruleset'])
  await node.exec('nft', ['-f', '-'], { input: stdout })
  expect(await listing()).toEqual(before)
  // Sluice takes the reloaded tables for its own and finds nothing to do.
  const next = await Instance.start(node, { input: SHOP, args: ARGS })
  expect((await next.status()).counts.transactions).toBe(0)
  await next.dispose()
})

test('the text of a dry run is what Sluice programs', async () => {
  await node.exec('nft', ['flush', 'ruleset'])
  await sluiceOnce(SHOP)
  const programmed = await listing()
  const { stdout } = await node.exec(SLUICE, [
    'file',
    '--input',
    SHOP,
    'to-local',
    'to-nft',
    '--dry-run',
    '--once',
    ...ARGS,
  ])
  await node.exec('nft', ['flush', 'ruleset'])
  await node.exec('nft', ['-f', '-'], { input: stdout })
  expect(await listing()).toEqual(programmed)
})

/** Services that use everything: affinity, source ranges, both policies, node ports. */
function* demandingServices(count: number): Generator<Manifest> {
  for (let i = 0; i < count; i++) {
    const bytes = `${i >> 8}.${i & 255}`
    yield service(`s-${i}`, {
      namespace: 'many',
      type: 'LoadBalancer',
      clusterIPs: [`10.100.${bytes}`],
      ingress: [{ ip: `198.18.${bytes}` }],
      ports: [{ name: 'http', port: 80, nodePort: 20_000 + i }],
      spec: {
        sessionAffinity: 'ClientIP',
        loadBalancerSourceRanges: ['203.0.113.0/24'],
        externalTrafficPolicy: 'Local',
        internalTrafficPolicy: 'Local',
      },
    })
    yield endpointSlice(`s-${i}`, {
      namespace: 'many',
      ports: [{ name: 'http', port: 8080 }],
      endpoints: ['node-1', 'node-2'].map((nodeName, j) => ({ addresses: [`10.${200 + j}.${bytes}`], nodeName })),
    })
  }
}

test('so it is with affinity, source ranges, traffic policies and node ports in use', async () => {
  const counts = []
  for (const services of [10, 10_000]) {
    const folder = new ManifestFolder()
    folder.write('many.yaml', [...demandingServices(services)])
    await sluiceOnce(folder.path)
    folder.dispose()
    counts.push(await countTables(node))
  }
  expect(counts[1]).toEqual(counts[0])
}, 240_000)

test('10,000 Services have as many rules and chains as 10, and can be listed', async () => {
  const counts = []
  for (const services of [10, 10_000]) {
    const folder = new ManifestFolder()
    folder.write('many.yaml', [...manyServices(services, 5)])
    await sluiceOnce(folder.path)
    folder.dispose()
    counts.push(await countTables(node))
    const { stdout } = await node.exec('bash', [
      '-c',
      'set -o pipefail; nft list ruleset | grep -c "many/s-.*:http\\" : "',
    ])
    expect(Number(stdout)).toBeGreaterThan(0)
  }
  const [few, many] = counts
  expect(many).toEqual(few)
  const { stdout } = await node.exec('bash', ['-c', 'set -o pipefail; nft list ruleset | wc -l'])
  expect(Number(stdout)).toBeGreaterThan(10_000)
}, 240_000)
