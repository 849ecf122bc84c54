import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Lab, type LabNode, labSupport, type Namespace, type Pod, type Protocol, until } from './index.ts'

const support = labSupport()
if (!support.ok) console.warn(`tests of the lab are left out: ${support.reason}`)

const protocols: Protocol[] = ['tcp', 'udp', 'http', 'sctp']
const ports: Record<Protocol, number> = { tcp: 80, udp: 80, http: 8080, sctp: 80 }
const cases = protocols.flatMap((protocol) => [
  { protocol, family: 'IPv4' as const },
  { protocol, family: 'IPv6' as const },
])

async function serveAll(namespace: Namespace): Promise<void> {
  for (const protocol of protocols) {
    await namespace.serve({ protocol, port: ports[protocol], name: namespace.name })
  }
}

/** Loads an nftables ruleset; needs Debian's package nftables. */
async function nft(namespace: Namespace, ruleset: string): Promise<void> {
  await namespace.exec('nft', ['-f', '-'], { input: ruleset })
}

describe.skipIf(!support.ok)('lab', { timeout: 20_000 }, () => {
  let lab: Lab
  let node: LabNode
  let a: Pod
  let b: Pod
  let client: Namespace
  const addresses = { IPv4: '10.0.0.6', IPv6: 'fd00:10::6' }
  const sources = { IPv4: '10.0.0.5', IPv6: 'fd00:10::5' }
  const outside = { IPv4: '192.168.0.9', IPv6: 'fd00:1::9' }
  const service = { IPv4: '10.96.0.1', IPv6: 'fd00:96::1' }

  beforeAll(async () => {
    lab = await Lab.create()
    node = await lab.node('node', {
      addresses: ['192.168.0.2/24', 'fd00:1::2/64'],
      podCIDRs: ['10.0.0.0/24', 'fd00:10::/64'],
    })
    ;[a, b, client] = await Promise.all([
      node.pod('a', { addresses: ['10.0.0.5', 'fd00:10::5'] }),
      node.pod('b', { addresses: ['10.0.0.6', 'fd00:10::6'] }),
      lab.client('client', {
        addresses: ['192.168.0.9/24', 'fd00:1::9/64'],
        routes: [
          { to: '10.0.0.0/8', via: '192.168.0.2' },
          { to: 'fd00:10::/64', via: 'fd00:1::2' },
        ],
      }),
    ])
    await client.route('fd00:96::/64', 'fd00:1::2')
    await serveAll(b)
    // What the tests below want of netfilter in the node.
    await nft(
      node,
      `table inet lab {
        chain prerouting {
          type nat hook prerouting priority dstnat
          ip daddr ${service.IPv4} dnat ip to ${addresses.IPv4}
          ip6 daddr ${service.IPv6} dnat ip6 to ${addresses.IPv6}
        }
        chain forward {
          type filter hook forward priority filter
          meta l4proto { tcp, udp, sctp } th dport 7 drop
          meta l4proto { tcp, udp, sctp } th dport 9 reject
        }
        chain output {
          type filter hook output priority filter
          meta l4proto { tcp, udp, sctp } th dport 7 drop
          meta l4proto { tcp, udp, sctp } th dport 9 reject
        }
      }`,
    )
  })

  afterAll(() => lab.close())

  it.each(cases)('carries $protocol over $family between pods of one node', async ({ protocol, family }) => {
    const result = await a.request({ protocol, address: addresses[family], port: ports[protocol] })
    expect(result).toMatchObject({
      verdict: 'answered',
      name: 'b',
      client: sources[family],
      local: addresses[family],
      localPort: ports[protocol],
    })
  })

  it.each(cases)('carries $protocol over $family from an external client', async ({ protocol, family }) => {
    const result = await client.request({ protocol, address: addresses[family], port: ports[protocol] })
    expect(result).toMatchObject({ verdict: 'answered', name: 'b', client: outside[family] })
  })

  it.each(cases)('carries $protocol over $family from the node itself', async ({ protocol, family }) => {
    const result = await node.request({ protocol, address: addresses[family], port: ports[protocol] })
    expect(result).toMatchObject({ verdict: 'answered', client: node.addresses[family === 'IPv4' ? 0 : 1] })
  })

  it.each(cases)('passes the nat hooks of the node with $protocol over $family', async ({ protocol, family }) => {
    const spec = { protocol, address: service[family], port: ports[protocol] }
    expect(await a.request(spec)).toMatchObject({ verdict: 'answered', name: 'b', local: addresses[family] })
    expect(await client.request(spec)).toMatchObject({ verdict: 'answered', name: 'b', client: outside[family] })
  })

  it.each(cases)('tells refused $protocol over $family from lost', async ({ protocol, family }) => {
    const spec = { protocol, address: addresses[family] }
    // On the way through the node, and on the way out of it.
    for (const source of [a, node]) {
      expect(await source.request({ ...spec, port: 9, timeoutMs: 4000 })).toMatchObject({ verdict: 'refused' })
      expect(await source.request({ ...spec, port: 7, timeoutMs: 100 })).toMatchObject({ verdict: 'timeout' })
    }
  })

  it.each(['tcp', 'udp', 'http'] as const)('is refused by a port without %s server', async (protocol) => {
    expect(await a.request({ protocol, address: '10.0.0.6', port: 1 })).toMatchObject({ verdict: 'refused' })
  })

  it('refuses as often as it is asked', async () => {
    const results = await a.requests({ protocol: 'udp', address: '10.0.0.6', port: 1, count: 100, concurrency: 10 })
    expect(new Set(results.map(({ verdict }) => verdict))).toEqual(new Set(['refused']))
  })

  it('tells refused SCTP requests to one address apart by port', async () => {
    const spec = { protocol: 'sctp' as const, address: '10.0.0.6', timeoutMs: 300 }
    const verdicts = await Promise.all([9, 80, 7].map(async (port) => (await a.request({ ...spec, port })).verdict))
    expect(verdicts).toEqual(['refused', 'answered', 'timeout'])
  })

  it.each(protocols)('sends %s from a chosen address and port, again and again', async (protocol) => {
    for (let round = 0; round < 3; round++) {
      const result = await a.request({
        protocol,
        address: '10.0.0.6',
        port: ports[protocol],
        sourceAddress: '10.0.0.5',
        sourcePort: 5555,
      })
      expect(result).toMatchObject({ verdict: 'answered', client: '10.0.0.5', clientPort: 5555 })
    }
  })

  it('answers UDP with the length of what it got', async () => {
    const result = await a.request({ protocol: 'udp', address: '10.0.0.6', port: 80, bytes: 3000 })
    expect(result).toMatchObject({ verdict: 'answered', length: 3000 })
  })

  it('keeps a connection open', async () => {
    const connection = await a.connect({ address: '10.0.0.6', port: 80 })
    expect(connection.greeting).toMatchObject({ name: 'b', client: '10.0.0.5' })
    expect(await connection.echo('one')).toBe('one')
    expect(await Promise.all(['two', 'three'].map((text) => connection.echo(text)))).toEqual(['two', 'three'])
    await connection.close()
    await expect(connection.echo('four')).rejects.toMatchObject({ code: 'AGENT' })
  })

  it('breaks connections and frees the port when a server closes', async () => {
    const server = await b.serve({ protocol: 'tcp', port: 0, name: 'brief' })
    const connection = await a.connect({ address: '10.0.0.6', port: server.port })
    await expect(b.serve({ protocol: 'tcp', port: server.port, name: 'late' })).rejects.toMatchObject({
      code: 'AGENT',
      errno: 'EADDRINUSE',
    })
    await server.close()
    await expect(connection.echo('anyone?')).rejects.toMatchObject({
      errno: expect.stringMatching(/EOF|ECONNRESET|EPIPE/) as string,
    })
    await (await b.serve({ protocol: 'tcp', port: server.port, name: 'late' })).close()
  })

  it('makes load at a steady rate', async () => {
    const load = await client.load({ protocol: 'http', address: service.IPv6, port: 8080, perSecond: 200 })
    await until(async () => ((await load.report()).answered['b'] ?? 0) >= 20)
    const report = await load.stop()
    expect(report.failures).toEqual([])
    expect(report.answered).toEqual({ b: report.sent })
    expect(report.firstAnswer['b']).toBeLessThan(report.lastAnswer['b'] ?? 0)
  })

  it('runs commands in a namespace', async () => {
    const { stdout } = await a.exec('ip', ['-o', 'address', 'show', 'dev', 'eth0'])
    expect(stdout).toContain('10.0.0.5/32')
    expect(await a.exec('cat', [], { input: 'text' })).toEqual({ stdout: 'text', stderr: '', code: 0 })
    expect(await a.exec('sh', ['-c', 'exit 3'], { allowFailure: true })).toMatchObject({ code: 3 })
    await expect(a.exec('ls', ['/nowhere'])).rejects.toMatchObject({
      code: 'COMMAND_FAILED',
      stderr: expect.stringContaining('/nowhere') as string,
    })
    await expect(a.exec('sleep', ['100'], { timeoutMs: 20 })).rejects.toMatchObject({ code: 'COMMAND_TIMEOUT' })
    await expect(a.ip('link set eth7 up')).rejects.toMatchObject({ code: 'COMMAND_FAILED' })
  })

  it('runs functions in a namespace and comes back', () => {
    const home = readlinkSync('/proc/thread-self/ns/net')
    expect(a.inNamespace(() => readlinkSync('/proc/thread-self/ns/net'))).toBe(readlinkSync(a.path))
    expect(() => a.inNamespace(() => Promise.resolve())).toThrow('synchronous')
    expect(() =>
      a.inNamespace(() => {
        throw new Error('mine')
      }),
    ).toThrow('mine')
    expect(readlinkSync('/proc/thread-self/ns/net')).toBe(home)
  })

  it('writes sysctls', () => {
    a.sysctl('net.ipv4.ip_default_ttl', 99)
    expect(a.inNamespace(() => readFileSync('/proc/sys/net/ipv4/ip_default_ttl', 'utf8'))).toBe('99\n')
    expect(readFileSync('/proc/sys/net/ipv4/ip_default_ttl', 'utf8')).not.toBe('99\n')
  })

  it('takes pods away', async () => {
    const pod = await node.pod('passing', { addresses: ['10.0.0.77'], hostInterface: 'passing0' })
    await pod.serve({ protocol: 'tcp', port: 80, name: 'passing' })
    const spec = { protocol: 'tcp' as const, address: '10.0.0.77', port: 80, timeoutMs: 100 }
    expect(await a.request(spec)).toMatchObject({ verdict: 'answered' })
    await pod.delete()
    expect(await a.request(spec)).not.toMatchObject({ verdict: 'answered' })
    await expect(node.pod('b', { addresses: ['10.0.0.78'] })).rejects.toMatchObject({ code: 'USAGE' })
    await node.pod('passing', { addresses: ['10.0.0.77'] })
  })
})

describe.skipIf(!support.ok)('labs', { timeout: 20_000 }, () => {
  it('route between the pods of two nodes', async () => {
    await using lab = await Lab.create()
    const [one, two] = await Promise.all([
      lab.node('one', {
        addresses: ['192.168.0.2/24', 'fd00:1::2/64'],
        podCIDRs: ['10.0.1.0/24', 'fd00:10:0:1::/64'],
      }),
      lab.node('two', {
        addresses: ['192.168.0.3/24', 'fd00:1::3/64'],
        podCIDRs: ['10.0.2.0/24', 'fd00:10:0:2::/64'],
      }),
    ])
    const [a, b] = await Promise.all([
      one.pod('a', { addresses: ['10.0.1.5', 'fd00:10:0:1::5'] }),
      two.pod('b', { addresses: ['10.0.2.5', 'fd00:10:0:2::5'] }),
    ])
    await b.serve({ protocol: 'udp', port: 53, name: 'b' })
    for (const [address, client] of [
      ['10.0.2.5', '10.0.1.5'],
      ['fd00:10:0:2::5', 'fd00:10:0:1::5'],
    ] as const) {
      expect(await a.request({ protocol: 'udp', address, port: 53 })).toMatchObject({ verdict: 'answered', client })
    }
  })

  it('route through routers', async () => {
    await using lab = await Lab.create()
    const [inside, outside] = await Promise.all([lab.network('inside'), lab.network('outside')])
    const [node, client] = await Promise.all([
      lab.node('node', {
        network: inside,
        addresses: ['192.168.0.2/24'],
        routes: [{ to: '172.16.0.0/24', via: '192.168.0.1' }],
      }),
      lab.client('client', {
        network: outside,
        addresses: ['172.16.0.9/24'],
        routes: [{ to: '192.168.0.0/24', via: '172.16.0.1' }],
      }),
      lab.router('router', {
        links: [
          { network: inside, addresses: ['192.168.0.1/24'] },
          { network: outside, addresses: ['172.16.0.1/24'] },
        ],
      }),
    ])
    await node.serve({ protocol: 'tcp', port: 80, name: 'node' })
    const result = await client.request({ protocol: 'tcp', address: '192.168.0.2', port: 80 })
    expect(result).toMatchObject({ verdict: 'answered', client: '172.16.0.9' })
  })

  it('run side by side with the same names and addresses, and show nothing outside', async () => {
    const interfaces = Object.keys(networkInterfaces())
    const names = Array.from({ length: 4 }, (_, index) => `lab${index}`)
    const answers = await Promise.all(
      names.map(async (name) => {
        await using lab = await Lab.create()
        const node = await lab.node('node', { addresses: ['192.168.0.2/24'] })
        const pod = await node.pod('pod', { addresses: ['10.0.0.5'] })
        await pod.serve({ protocol: 'http', port: 80, name })
        expect(Object.keys(networkInterfaces())).toEqual(interfaces)
        const results = await node.requests({ protocol: 'http', address: '10.0.0.5', port: 80, count: 5 })
        return results.map((result) => (result.verdict === 'answered' ? result.name : result.verdict))
      }),
    )
    expect(answers).toEqual(names.map((name) => Array.from({ length: 5 }, () => name)))
  })

  it('leave nothing behind when closed, whatever is under way', async () => {
    const lab = await Lab.create()
    const node = await lab.node('node', { addresses: ['192.168.0.2/24'] })
    const pod = await node.pod('pod', { addresses: ['10.0.0.5'] })
    for (const protocol of protocols) await pod.serve({ protocol, port: ports[protocol], name: 'pod' })
    await node.connect({ address: '10.0.0.5', port: 80 })
    await node.load({ protocol: 'sctp', address: '10.0.0.5', port: 80, perSecond: 100 })
    const pending = node.requests({
      protocol: 'sctp',
      address: '10.0.0.5',
      port: 1,
      timeoutMs: 60_000,
      count: 10,
      concurrency: 2,
    })
    node.spawn('sleep', ['1000'])
    const killed = expect(node.exec('sleep', ['1000'])).rejects.toMatchObject({ code: 'COMMAND_FAILED' })
    const namespaces = [node.path, pod.path].map((path) => readlinkSync(path))
    expect(namespacesInUse()).toEqual(expect.arrayContaining(namespaces))
    await lab.close()
    await killed
    expect((await pending).map((result) => result.verdict === 'error' && result.code)).toContain('CANCELLED')
    expect(namespacesInUse().filter((namespace) => namespaces.includes(namespace))).toEqual([])
    await expect(node.request({ protocol: 'tcp', address: '10.0.0.5', port: 80 })).rejects.toMatchObject({
      code: 'CLOSED',
    })
    await expect(lab.namespace('late')).rejects.toMatchObject({ code: 'CLOSED' })
  })

  it('leave nothing behind when their process is killed', async () => {
    const script = new URL('./fixtures/abandoned-lab.ts', import.meta.url).pathname
    const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [line] = (await once(createInterface(child.stdout), 'line')) as [string]
    const { pids, namespaces } = JSON.parse(line) as { pids: number[]; namespaces: string[] }
    const inodes = namespaces.map((path) => readlinkSync(path))
    child.kill('SIGKILL')
    await once(child, 'exit')
    await until(() => pids.every((pid) => !alive(pid)), { what: 'the end of the processes' })
    await until(() => !namespacesInUse().some((namespace) => inodes.includes(namespace)), {
      what: 'the end of the namespaces',
    })
  })
})

function alive(pid: number): boolean {
  try {
    // A zombie is dead, though nobody has looked yet.
    return !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

/** Every network namespace that a thread is in or that an open file of ours refers to. */
function namespacesInUse(): string[] {
  const list = (directory: string) => {
    try {
      return readdirSync(directory).map((entry) => `${directory}/${entry}`)
    } catch {
      return [] // the process has ended
    }
  }
  const threads = readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((pid) => list(`/proc/${pid}/task`))
  const links = [...threads.map((thread) => `${thread}/ns/net`), ...list('/proc/self/fd')]
  return links.flatMap((link) => {
    try {
      return [readlinkSync(link)]
    } catch {
      return []
    }
  })
}
