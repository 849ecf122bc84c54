import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Family } from '../../src/model/ip.ts'
import { BenchNetns, inOwnNetns } from '../support/netns.ts'
import { virtualServers } from '../support/services.ts'
import { SluicePeer } from './sluice-peer.ts'

/** What is loaded. */
interface Size {
  readonly services: number
  readonly endpoints: number
  readonly family: Family
}

/** Loads Services through Sluice's pipeline in a process that has just started. @returns milliseconds, without its start. */
export function loadInNewProcess(size: Size): number {
  const args = [...process.execArgv, fileURLToPath(import.meta.url), JSON.stringify(size)]
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  const time = Number.parseFloat(stdout)
  if (Number.isNaN(time)) throw new Error(`the new process failed: ${stderr}`)
  return time
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await inOwnNetns(async () => {
    const { services, endpoints, family } = JSON.parse(process.argv[2] ?? '') as Size
    const netns = new BenchNetns()
    const peer = new SluicePeer('Sluice', netns)
    console.log(await peer.load(virtualServers(services, endpoints, family)))
    await peer.close()
    netns.close()
  })
}
