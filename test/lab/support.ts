import { spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { LabError } from './error.ts'

/** Whether this machine and user can run a lab, and if not, why and what to do. */
export type LabSupport = { ok: true } | { ok: false; reason: string }

const tools = { unshare: 'util-linux', setpriv: 'util-linux', ip: 'iproute2', cat: 'coreutils' }

let known: LabSupport | undefined

/** Says whether a lab can run here; test suites use the reason to say why they leave out tests. */
export function labSupport(): LabSupport {
  known ??= examine()
  return known
}

/** Throws a LabError where `labSupport` says no. */
export function requireLabSupport(): void {
  const support = labSupport()
  if (!support.ok) throw new LabError('UNSUPPORTED', support.reason)
}

function examine(): LabSupport {
  if (process.platform !== 'linux') return no('network namespaces exist on Linux only')
  for (const [tool, pkg] of Object.entries(tools)) {
    if (!installed(tool)) return no(`the command ${tool} is missing; install the package ${pkg}`)
  }
  if (process.getuid?.() !== 0) return no('network namespaces need root; run as root, e.g. with sudo')
  const attempt = spawnSync('unshare', ['-n', 'ip', 'link', 'add', 'lab0', 'type', 'veth', 'peer', 'name', 'lab1'])
  if (attempt.status !== 0) {
    const why = attempt.stderr.toString().trim()
    return no(`cannot make a network namespace with a veth pair (${why}); in a container, run it privileged`)
  }
  return { ok: true }
}

function installed(tool: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((directory) => {
    try {
      accessSync(join(directory, tool), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

function no(reason: string): LabSupport {
  return { ok: false, reason }
}
