import { setTimeout as delay } from 'node:timers/promises'
import type { ClusterObject } from '../../src/model/object.ts'
import { TestServer } from '../../test/fixtures/api-server.ts'
import { endpoint, ip, node, service, slice } from '../../test/fixtures/services.ts'
import { nowMicroseconds, type ServerReport, STAMP } from './messages.ts'

const [services = 0, endpoints = 0, nodes = 0] = process.argv.slice(2).map(Number)
const server = await TestServer.start()

function addressOf(number: number): string {
  return `10.${128 + (number >> 16)}.${(number >> 8) & 255}.${number & 255 || 1}`
}

/** The slice of a Service: its endpoints are on nodes all over the cluster; the first one is as new as told. */
function sliceOf(i: number, version: number, hostname: string): ClusterObject {
  const list = Array.from({ length: endpoints }, (_, j) => {
    const nodeName = `node-${(i * endpoints + j) % nodes}`
    const isFirst = j === 0
    const podName = isFirst ? `pod-${i}-${j}-${version}` : `pod-${i}-${j}`
    const address = addressOf(((i * endpoints + j) * 4 + (isFirst ? version % 4 : 0)) & 0x1fffff)
    return endpoint(address, { nodeName, podName, hostname: isFirst ? hostname : '' })
  })
  return { kind: 'EndpointSlice', value: slice(`service-${i}-x`, `service-${i}`, { endpoints: list }) }
}

const objects: ClusterObject[] = []
for (let i = 0; i < services; i++) {
  const clusterIPs = [ip(`10.96.${i >> 8}.${i & 255 || 1}`)]
  objects.push({ kind: 'Service', value: service(`service-${i}`, { clusterIPs }) }, sliceOf(i, 0, ''))
}
for (let i = 0; i < nodes; i++) objects.push({ kind: 'Node', value: node(`node-${i}`) })
server.set(...objects)
server.store.markSynced()

async function change(rate: number, seconds: number): Promise<ServerReport> {
  const cpu = process.cpuUsage()
  const start = performance.now()
  let rssMB = 0
  const total = rate * seconds
  for (let version = 1; version <= total; version++) {
    await delay(Math.max(0, start + (version * 1000) / rate - performance.now()))
    server.set(sliceOf((version * 7919) % services, version, `${STAMP}${nowMicroseconds()}`))
    if (version % rate === 0) rssMB = Math.max(rssMB, process.memoryUsage().rss / 1e6)
  }
  const { user, system } = process.cpuUsage(cpu)
  const elapsed = (performance.now() - start) / 1000
  return { changes: total, seconds: elapsed, cpuSeconds: (user + system) / 1e6, rssMB }
}

process.on('message', (message: { kind: string; rate: number; seconds: number }) => {
  if (message.kind === 'report') {
    process.send?.({ kind: 'report', changes: 0, seconds: 0, cpuSeconds: 0, rssMB: process.memoryUsage().rss / 1e6 })
  } else {
    // A failure ends the process, which the parent notices.
    void change(message.rate, message.seconds).then((report) => process.send?.({ kind: 'done', ...report }))
  }
})
process.send?.({ kind: 'listening', port: server.port })
