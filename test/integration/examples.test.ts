import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { ask } from '../sluice/ask.ts'
import { TestCluster } from '../sluice/cluster.ts'
import { endpointSlice, service } from '../sluice/manifests.ts'
import { SLUICE } from '../sluice/process.ts'
import { Running } from '../sluice/running.ts'

const ADDRESS = '127.0.0.1:12090'
const example = (name: string) => fileURLToPath(new URL(`../../examples/${name}.ts`, import.meta.url))

let cluster: TestCluster
let directory: string
const running: Running[] = []

beforeAll(async () => {
  cluster = await TestCluster.create()
  directory = mkdtempSync(path.join(tmpdir(), 'sluice-examples-'))
})

afterEach(async () => {
  for (const program of running.splice(0)) await program.stop('SIGKILL')
})

afterAll(async () => {
  await cluster.dispose()
  rmSync(directory, { recursive: true, force: true })
})

function start(command: string, ...args: string[]): Running {
  const program = new Running(cluster.node1, command, args)
  running.push(program)
  return program
}

async function serve(...endpoints: string[]): Promise<Running> {
  apply(...endpoints)
  const server = start(SLUICE, 'file', 'to-api', '-i', cluster.manifests.path, '--run-dir', directory)
  await server.until(() => server.output.includes('"msg":"serving"'), 'the server serves')
  return server
}

function apply(...endpoints: string[]): void {
  const slices = endpoints.length === 0 ? [] : [endpointSlice('web', { ports: [{ port: 8080 }], endpoints })]
  cluster.manifests.write('web.yaml', [service('web', { clusterIPs: ['10.96.0.1'], ports: [{ port: 80 }] }), ...slices])
}

const run = (name: string, ...args: string[]) => start(process.execPath, example(name), ADDRESS, 'node-1', ...args)
const lines = ({ output }: Running) => output.split('\n').slice(0, -1)
const operations = (program: Running) =>
  lines(program).map((line) =>
    Object.values(JSON.parse(line) as object)
      .slice(0, 3)
      .join(' '),
  )

test('json-lines prints the least that leads from one state to the next, also when the server was away', async () => {
  const { a1, b1, b2 } = cluster.pods
  let server = await serve(a1.address, b1.address)
  const program = run('json-lines')
  await program.until(() => lines(program).length === 4, 'the first state')
  expect(operations(program)).toEqual([
    'setService default/web ClusterIP',
    `setEndpoint default/web ${a1.address}`,
    `setEndpoint default/web ${b1.address}`,
    'sync',
  ])
  apply(b1.address, b2.address)
  await program.until(() => lines(program).length === 7, 'a change')
  expect(operations(program).slice(4)).toEqual([
    `setEndpoint default/web ${b2.address}`,
    `deleteEndpoint default/web ${a1.address}`,
    'sync',
  ])

  await server.stop('SIGKILL')
  await program.until(() => program.errors.includes(ADDRESS), 'it says that the server is away')
  server = await serve(b1.address)
  await program.until(() => lines(program).length === 9, 'what changed meanwhile')
  expect(operations(program).slice(7)).toEqual([`deleteEndpoint default/web ${b2.address}`, 'sync'])
  expect(await program.stop()).toBe(0)
})

test("run-program gives the whole state to a program, as KPNG's kpng-callout, and runs a program that fails again", async () => {
  await serve(cluster.pods.a1.address)
  const file = (name: string) => path.join(directory, name)
  // The first time it fails after it has read, as a program may.
  const script = `cat > ${file('state')}; if [ -e ${file('ran')} ]; then mv ${file('state')} ${file('last')}; else : > ${file('ran')}; exit 7; fi`
  const program = run('run-program', 'sh', '-c', script)
  const last = () => {
    try {
      return JSON.parse(readFileSync(file('last'), 'utf8')) as { Service: { Name: string }; Endpoints: unknown[] }
    } catch {
      return undefined
    }
  }
  await program.until(() => last() !== undefined, 'the program was run again')
  expect(program.errors).toContain('sh ended with code 7; again in 200 ms')
  expect(last()?.Service.Name).toBe('web')
  expect(last()?.Endpoints).toMatchObject([{ IPs: { V4: [cluster.pods.a1.address] }, Scopes: { Internal: true } }])
  apply()
  await program.until(() => last()?.Endpoints.length === 0, 'the change')
  expect(await program.stop()).toBe(0)
})

test('haproxy serves the Services, and follows', async () => {
  const { a1, b1 } = cluster.pods
  for (const pod of [a1, b1]) {
    const server = servePod(pod)
    await server.until(() => server.output.includes('listening'), 'a pod serves')
  }
  await serve(a1.address)
  const [file, main, pid] = ['services.cfg', 'haproxy.cfg', 'haproxy.pid'].map((name) => path.join(directory, name))
  const timeouts = 'defaults\n  timeout connect 1s\n  timeout client 5s\n  timeout server 5s\n'
  writeFileSync(
    main ?? '',
    `${timeouts}frontend web\n  mode tcp\n  bind 127.0.0.1:8000\n  default_backend default_web_80\n`,
  )
  // `-sf` tells the process before to end when its connections have; there is none the first time.
  const reload = `haproxy -f ${main} -f ${file} -p ${pid} -D -sf $(cat ${pid} 2>/dev/null)`
  const program = run('haproxy', file ?? '', 'sh', '-c', reload)
  const answer = async () => ask(cluster.node1, 'http://127.0.0.1:8000/')
  try {
    await program.until(async () => bodyOf(await answer()) === 'a1', 'the first pod answers')
    apply(b1.address)
    await program.until(async () => bodyOf(await answer()) === 'b1', 'the second pod answers')
    expect(readFileSync(file ?? '', 'utf8')).toBe(
      `backend default_web_80\n  mode tcp\n  server s0 ${b1.address}:8080\n`,
    )
    expect(await program.stop()).toBe(0)
  } finally {
    await cluster.node1.exec('sh', ['-c', `kill $(cat ${pid})`], { allowFailure: true })
  }
})

function bodyOf(answer: Awaited<ReturnType<typeof ask>>): string {
  return typeof answer === 'string' ? answer : answer.body
}

/** An HTTP server in a pod that answers with the pod's name. */
function servePod(pod: TestCluster['pods']['a1']): Running {
  const script = `require('node:http').createServer((_, response) => response.end(${JSON.stringify(pod.name)})).listen(8080, () => console.log('listening'))`
  const server = new Running(pod, process.execPath, ['-e', script])
  running.push(server)
  return server
}
