import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect as connectHttp2 } from 'node:http2'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import pino from 'pino'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ClusterObject } from '../../src/model/object.ts'
import type { ServiceKey } from '../../src/model/service.ts'
import { encode } from '../../src/model/wire/encode.ts'
import { SERVICE } from '../../src/model/wire/messages.ts'
import { deleteOp, RESET_OP, SYNC_OP, setOp } from '../../src/model/wire/op.ts'
import { serviceMessage } from '../../src/model/wire/write-service.ts'
import { LocalSource } from '../../src/sources/api/local-source.ts'
import { TestClient } from '../fixtures/api-clients.ts'
import { TestServer } from '../fixtures/api-server.ts'
import { ScriptedServer } from '../fixtures/scripted-api-server.ts'
import { endpoint, ip, service, slice } from '../fixtures/services.ts'
import { until } from '../lab/index.ts'

const NODE = { NodeName: 'node-1' }
const PATIENCE = { timeoutMs: 20_000, everyMs: 5 }

let directory: string
const closing: (() => Promise<unknown> | undefined)[] = []

beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'sluice-api-'))
})

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
  rmSync(directory, { recursive: true, force: true })
})

/** A log whose warnings and errors can be looked at. */
function recordingLog() {
  const lines: string[] = []
  const log = pino(
    { level: 'warn' },
    { write: (line: string) => void lines.push((JSON.parse(line) as { msg: string }).msg) },
  )
  return { log, lines }
}

async function started(options: Parameters<typeof TestServer.start>[0] = {}): Promise<TestServer> {
  const server = await TestServer.start(options)
  closing.push(async () => server.close())
  server.store.markSynced()
  server.set(web('a', 1))
  return server
}

async function connected(address: string): Promise<TestClient> {
  const client = await TestClient.connect(address, 'localv1')
  closing.push(async () => client.close())
  return client
}

function web(name: string, octet: number): ClusterObject {
  return { kind: 'Service', value: service(name, { clusterIPs: [ip(`10.0.0.${octet}`)] }) }
}

/** A raw call, to send what no library would. */
function rawCall(port: number, headers: Readonly<Record<string, string>> = {}) {
  const session = connectHttp2(`http://127.0.0.1:${port}`)
  session.on('error', () => {})
  closing.push(async () => session.destroy())
  const stream = session.request({
    ':method': 'POST',
    ':path': '/localv1.Sets/Watch',
    'content-type': 'application/grpc',
    te: 'trailers',
    ...headers,
  })
  stream.on('error', () => {})
  return { session, stream }
}

describe('the server', () => {
  it.each([
    ['bytes that are no message', [0, 0, 0, 0, 2, 0xff, 0xff], '3'],
    ['a message that is too large', [0, 0xff, 0, 0, 0], '8'],
    ['a compressed message', [1, 0, 0, 0, 0], '13'],
  ])('ends the stream of a client that sends %s, with one line, and no other stream', async (_, bytes, status) => {
    const { log, lines } = recordingLog()
    const server = await started({ log })
    const good = await connected(server.server.address)
    await good.round(NODE)
    const { stream } = rawCall(server.port)
    stream.resume()
    stream.write(Buffer.from(bytes))
    const [trailers] = (await once(stream, 'trailers')) as [Record<string, string>]
    expect(trailers['grpc-status']).toBe(status)
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatch(/^a client is not understood; its stream is ended: /)
    server.set(web('b', 2))
    expect(await good.round(NODE)).toEqual(['Set ServicesSet default/b', 'Sync'])
    await until(() => server.server.streamCount === 1, { ...PATIENCE, what: 'one stream' })
  })

  it('answers what is no gRPC call, and unknown methods, as the protocol wants it', async () => {
    const server = await started()
    const get = rawCall(server.port, { ':method': 'POST', 'content-type': 'text/html' })
    get.stream.end()
    const [plain] = (await once(get.stream, 'response')) as [Record<string, unknown>]
    expect(plain[':status']).toBe(415)
    const unknown = rawCall(server.port, { ':path': '/localv1.Sets/Other' })
    unknown.stream.end()
    const [answer] = (await once(unknown.stream, 'response')) as [Record<string, unknown>]
    expect(answer).toMatchObject({ ':status': 200, 'grpc-status': '12' })
  })

  it('survives a client that speaks something else, with one line', async () => {
    const { log, lines } = recordingLog()
    const server = await started({ log })
    const socket = connect(server.port, '127.0.0.1')
    socket.on('error', () => {})
    socket.resume()
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    await once(socket, 'close')
    await until(() => lines.length > 0, { ...PATIENCE, what: 'a line' })
    expect(lines).toHaveLength(1)
    expect(await (await connected(server.server.address)).round(NODE)).toContain('Set ServicesSet default/a')
  })

  it('forgets a stream that is cancelled at once, also while nothing changes', async () => {
    const server = await started()
    const client = await TestClient.connect(server.server.address, 'localv1')
    await client.round(NODE)
    client.ask(NODE)
    await until(() => server.server.streamCount === 1, { ...PATIENCE, what: 'a stream' })
    await client.close()
    await until(() => server.server.streamCount === 0, { ...PATIENCE, what: 'no stream' })
  })

  it('ends the stream of a client that takes nothing of what it asked for, with one line', async () => {
    const { log, lines } = recordingLog()
    const server = await started({ log, stallMs: 200 })
    const many = Array.from({ length: 200 }, (_, i) => endpoint(`10.1.0.${i + 1}`, { hostname: 'x'.repeat(63) }))
    for (let i = 0; i < 60; i++) {
      server.set(web(`s${i}`, i + 10))
      server.set({ kind: 'EndpointSlice', value: slice(`s${i}-1`, `s${i}`, { endpoints: many }) })
    }
    const { stream } = rawCall(server.port)
    stream.pause()
    stream.write(Buffer.from([0, 0, 0, 0, 0]))
    await until(() => lines.length > 0, { ...PATIENCE, what: 'a line' })
    expect(lines).toEqual(['a client took nothing for 0.2 s; its stream is ended'])
    await until(() => server.server.streamCount === 0, { ...PATIENCE, what: 'no stream' })
  })

  it('listens on a socket that only owner and group may use, and takes over one that nobody listens on', async () => {
    const file = path.join(directory, 'api.sock')
    const address = { kind: 'unix', path: file } as const
    const killed = createServer().listen(file)
    await once(killed, 'listening')
    // What SIGKILL leaves: the file stays though nobody listens.
    await expect(TestServer.start({ address })).rejects.toThrow(/another process does/)
    writeFileSync(path.join(directory, 'plain'), '')
    await expect(TestServer.start({ address: { kind: 'unix', path: path.join(directory, 'plain') } })).rejects.toThrow(
      /no socket/,
    )
    await new Promise((resolve) => killed.close(resolve))
    const server = await started({ address })
    expect(statSync(file).mode & 0o777).toBe(0o660)
    expect(await (await connected(`unix:${file}`)).round(NODE)).toEqual(['Reset', 'Set ServicesSet default/a', 'Sync'])
    await closing.pop()?.()
    await server.close().catch(() => undefined)
    expect(existsSync(file)).toBe(false)
  })
})

const KEY = 'default/a' as ServiceKey
const VALUE = encode(SERVICE, serviceMessage(service('a', { clusterIPs: [ip('10.0.0.1')] })))
const STATE = [RESET_OP, setOp(1, KEY, VALUE), SYNC_OP]

/** A source of what a scripted server sends, that has its first state. */
async function sourceOf(server: ScriptedServer) {
  const told: string[] = []
  const source = new LocalSource({
    target: { address: { kind: 'tcp', host: '127.0.0.1', port: server.port } },
    nodeName: 'node-1',
    onProblem: ({ message }) => void told.push(message),
    retryMs: [1, 10],
  })
  closing.push(async () => source.close())
  await source.start()
  await source.next()
  return { source, told }
}

describe('the source `local`', () => {
  it.each([
    ['garbage', [Buffer.from('garbage')], /no message/],
    ['the deletion of what is not there', [deleteOp(1, 'default/other')], /the deletion of "default\/other"/],
    ['a path of too many parts', [setOp(1, 'a/b/c', VALUE)], /the path "a\/b\/c"/],
    ['a message that is too large', [Buffer.alloc(5 << 20)], /at most 4194304 are taken/],
  ])('leaves a server that sends %s, keeps what it has, and comes again', async (_, messages, reason) => {
    const server = await ScriptedServer.start([STATE, messages], [STATE, [setOp(1, 'default/b', VALUE), SYNC_OP]])
    closing.push(async () => server.close())
    const { source, told } = await sourceOf(server)
    // What it sends then cannot be used, which is told, too.
    await until(() => told.length === 2, { ...PATIENCE, what: 'two problems' })
    expect(source.local(KEY)?.service.name).toBe('a')
    expect(server.calls).toBe(2)
    expect(told[0]).toMatch(reason)
    await until(() => source.problems().every(({ object }) => object !== ''), { ...PATIENCE, what: 'no failure' })
  })

  it('tells nothing to do after a reconnect when nothing changed, and only what did otherwise', async () => {
    const other = encode(SERVICE, serviceMessage(service('b', { clusterIPs: [ip('10.0.0.2')] })))
    const server = await ScriptedServer.start(
      [STATE, ['end']],
      [STATE, ['end']],
      [[RESET_OP, setOp(1, KEY, VALUE), setOp(1, 'default/b', other), SYNC_OP], ['end']],
      [[RESET_OP, setOp(1, 'default/b', other), SYNC_OP]],
    )
    closing.push(async () => server.close())
    const { source } = await sourceOf(server)
    const first = await source.next()
    expect([...(first?.services ?? [])]).toEqual(['default/b'])
    const second = await source.next()
    expect([...(second?.services ?? [])]).toEqual(['default/a'])
    expect(source.local(KEY)).toBeUndefined()
    expect(server.calls).toBe(4)
    expect(source.revision).toBe(3)
  })

  it('forgets a change set that was cut off, and ignores sets that it does not know', async () => {
    const server = await ScriptedServer.start(
      [STATE, [deleteOp(1, KEY), 'end']],
      [[RESET_OP, setOp(1, KEY, VALUE), setOp(100, 'x', VALUE), SYNC_OP]],
    )
    closing.push(async () => server.close())
    const { source } = await sourceOf(server)
    await until(() => server.calls === 2, { ...PATIENCE, what: 'a second call' })
    expect(source.local(KEY)?.service.name).toBe('a')
  })

  it('keeps a Service whose new value cannot be used, and says so', async () => {
    const bad = encode(SERVICE, { ...serviceMessage(service('a')), ports: [{ name: 'x', protocol: 99, port: 1 }] })
    const server = await ScriptedServer.start([STATE, [setOp(1, KEY, bad), setOp(1, 'default/b', bad), SYNC_OP]])
    closing.push(async () => server.close())
    const { source } = await sourceOf(server)
    await until(() => source.problems().length > 0, { ...PATIENCE, what: 'a problem' })
    expect(source.local(KEY)?.service.clusterIPs).toEqual(['10.0.0.1'])
    expect(source.problems().map(({ object }) => object)).toContain('Service default/a')
  })

  it('can be closed while it waits for a server', async () => {
    const source = new LocalSource({ target: { address: { kind: 'tcp', host: '127.0.0.1', port: 1 } }, nodeName: 'n' })
    const starting = source.start()
    await delay(20)
    await source.close()
    await starting
    expect(await source.next()).toBeUndefined()
  })
})
