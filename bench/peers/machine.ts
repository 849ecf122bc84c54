import { spawnSync } from 'node:child_process'
import { cpus, loadavg, release, totalmem } from 'node:os'
import { listeners } from '../support/quiet.ts'
import type { Machine } from './results.ts'

/** How each program says its version. */
const VERSION_COMMANDS: Readonly<Record<string, readonly [string, ...string[]]>> = {
  nft: ['nft', '--version'],
  iptables: ['iptables-restore', '--version'],
  nftlb: ['nftlb', '--help'],
}

/** The machine that a run is made on. @param more further programs that say their version, by name. */
export function describeMachine(more: Readonly<Record<string, readonly [string, ...string[]]>> = {}): Machine {
  const versions: Record<string, string> = { node: process.version }
  for (const [name, command] of Object.entries({ ...VERSION_COMMANDS, ...more })) versions[name] = versionOf(command)
  const all = cpus()
  return {
    cpu: all[0]?.model.trim() ?? '',
    cpus: all.length,
    memoryBytes: totalmem(),
    kernel: release(),
    versions,
    loadAverage: loadavg().map((load) => Math.round(load * 100) / 100),
    listeners: listeners(),
  }
}

function versionOf([program, ...args]: readonly [string, ...string[]]): string {
  const { stdout } = spawnSync(program, args, { encoding: 'utf8' })
  return /v?\d+(?:\.\d+)+[^\s,]*/i.exec(stdout)?.[0] ?? ''
}
