import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { KpngServiceEndpoints } from '../../src/model/wire/kpng-json.ts'
import { ask } from '../sluice/ask.ts'
import { CLUSTER, TestCluster } from '../sluice/cluster.ts'
import { endpointSlice, service } from '../sluice/manifests.ts'
import { SLUICE } from '../sluice/process.ts'
import { Running } from '../sluice/running.ts'

const [NODE_ADDRESS] = CLUSTER.node1

let cluster: TestCluster
let directory: string
const running: Running[] = []

beforeAll(async () => {
  cluster = await TestCluster.create()
  directory = mkdtempSync(path.join(tmpdir(), 'sluice-sinks-'))
})

afterEach(async () => {
  for (const program of running.splice(0)) await program.stop('SIGKILL')
})

afterAll(async () => {
  await cluster.dispose()
  rmSync(directory, { recursive: true, force: true })
})

function start(...args: string[]): Running {
  const program = new Running(cluster.node1, SLUICE, args)
  running.push(program)
  return program
}

/** A load balancer for nodes that have endpoints, with this many on node 1. */
function apply(local: number): void {
  const endpoints = Array.from({ length: 3 }, (_, i) => ({
    addresses: [`10.244.1.${i + 1}`],
    nodeName: i < local ? 'node-1' : 'node-2',
  }))
  const spec = { externalTrafficPolicy: 'Local', healthCheckNodePort: 32000 }
  cluster.manifests.write('lb.yaml', [
    service('lb', { clusterIPs: ['10.96.0.1'], type: 'LoadBalancer', ports: [{ port: 80, nodePort: 30080 }], spec }),
    endpointSlice('lb', { ports: [{ port: 8080 }], endpoints }),
  ])
}

const FILE = () => ['file', '-i', cluster.manifests.path, 'to-local']
const NODE = ['--node-name', 'node-1']

async function toApi(): Promise<string[]> {
  const server = start('file', '-i', cluster.manifests.path, 'to-api', '--run-dir', directory)
  await server.until(() => server.output.includes('"msg":"serving"'), 'the server serves')
  return ['local']
}

/** Which endpoints the last whole state says are local, of the text so far. */
function states({ output }: Running): number[] {
  return output
    .split('\n\n')
    .slice(0, -1)
    .map((state) => {
      const entries = state.split('\n').map((line) => JSON.parse(line) as KpngServiceEndpoints)
      return entries.flatMap(({ Endpoints }) => Endpoints.filter((endpoint) => endpoint['Local'])).length
    })
}

test.each([
  ['file to-local', async () => FILE()],
  ['local', toApi],
])('%s to-json prints the whole state at each change', async (_, source) => {
  apply(2)
  const program = start(...(await source()), 'to-json', ...NODE)
  await program.until(() => states(program).join() === '2', 'the first state')
  expect(program.output).toMatch(/^\{"Service":\{"Namespace":"default","Name":"lb","Type":"LoadBalancer","IPs":/)
  apply(1)
  await program.until(() => states(program).join() === '2,1', 'a change')
  expect(await program.stop()).toBe(0)
})

test('to-json --once prints one state and ends', async () => {
  apply(3)
  const program = start(...FILE(), 'to-json', '--once', ...NODE)
  expect(await program.ended()).toBe(0)
  expect(states(program)).toEqual([3])
})

test.each([
  ['file to-local', async () => FILE()],
  ['local', toApi],
])('%s to-healthchecks answers load balancers, and programs nothing', async (_, source) => {
  apply(2)
  const place = ['--run-dir', directory, '--healthz-bind-address', '127.0.0.1:10300']
  const program = start(...(await source()), 'to-healthchecks', ...NODE, ...place)
  const check = async () => ask(cluster.outside, `http://${NODE_ADDRESS}:32000/`)
  const count = async () => {
    const answer = await check()
    return typeof answer === 'string' ? answer : answer.headers['x-load-balancing-endpoint-weight']
  }
  await program.until(async () => (await count()) === '2', 'two endpoints')
  apply(0)
  await program.until(async () => (await count()) === '0', 'no endpoint')
  expect(await check()).toMatchObject({ status: 503 })
  expect(await ask(cluster.node1, 'http://127.0.0.1:10300/healthz')).toMatchObject({ status: 200 })
  expect((await cluster.node1.exec('nft', ['list', 'tables'])).stdout).toBe('')
  cluster.manifests.write('lb.yaml', [])
  await program.until(async () => (await check()) === 'ECONNREFUSED', 'nobody listens')
  expect(await program.stop()).toBe(0)
})

test.each([
  ['an address', '192.168.50.11'],
  ['a range', '192.168.0.0/16'],
])('to-healthchecks listens only where --ip says: %s', async (_, ip) => {
  apply(1)
  const place = ['--run-dir', directory, '--healthz-bind-address', '', '--ip', ip]
  const program = start(...FILE(), 'to-healthchecks', ...NODE, ...place)
  const at = async (address: string) => ask(cluster.node1, `http://${address}:32000/`)
  await program.until(async () => typeof (await at(NODE_ADDRESS)) !== 'string', 'it listens')
  expect(await at('127.0.0.1')).toBe('ECONNREFUSED')
})

test('to-healthchecks refuses an --ip that is none', async () => {
  const program = start(...FILE(), 'to-healthchecks', '--ip', 'eth0')
  expect(await program.ended()).toBe(2)
  expect(program.errors).toContain('--ip: "eth0" must be an address such as 10.0.0.1, or a CIDR such as 10.0.0.0/8')
})
