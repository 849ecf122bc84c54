import { accessSync, constants, existsSync, mkdirSync, symlinkSync } from 'node:fs'
import path from 'node:path'
import { type ChildRunner, searchPath } from './test/child.ts'

const SYSTEMD_FOLDER = '/etc/systemd/system'

interface DebianPackage {
  readonly name: string
  /** What tests start from it; it is installed when one of these is not on PATH. */
  readonly programs: readonly string[]
  readonly reason: string
  /** A systemd service that Debian would start at once, and at every start of the machine: nobody asked for that. */
  readonly service?: string
}

/** What tests need of the system. Sluice itself starts none of it to serve: it speaks netlink. */
const debianPackages: readonly DebianPackage[] = [
  { name: 'nftables', programs: ['nft'], reason: 'the second opinion on our tables: what it lists must load again' },
  { name: 'iproute2', programs: ['ip'], reason: 'links, addresses and routes of a lab' },
  { name: 'util-linux', programs: ['unshare', 'setpriv'], reason: 'namespaces of a lab, that die with their parent' },
  {
    name: 'iptables',
    programs: ['iptables-restore', 'iptables-legacy-restore'],
    reason:
      "rules as a kube-proxy leaves them, and others' beside them; Sluice removes those of iptables-legacy with it",
  },
  { name: 'ipset', programs: ['ipset'], reason: "IP sets as a kube-proxy's ipvs mode leaves them" },
  {
    name: 'ipvsadm',
    programs: ['ipvsadm'],
    reason: 'the second opinion on virtual servers of IPVS, where there is one',
  },
  { name: 'conntrack', programs: ['conntrack'], reason: 'the second opinion on connection tracking entries' },
  {
    name: 'nftlb',
    programs: ['nftlb'],
    reason: 'the load balancer behind kube-nftlb, one of the peers of the benchmarks',
    service: 'nftlb.service',
  },
  { name: 'haproxy', programs: ['haproxy'], reason: 'serves what examples/haproxy.ts writes' },
  { name: 'kubernetes-client', programs: ['kubectl'], reason: 'renders the manifests of deploy/ (8 MB to download)' },
  { name: 'openssl', programs: ['openssl'], reason: 'certificates of an API server and its client' },
]

/** Installs what is missing, with apt and as root; rejects with what to do when that fails. */
export async function installMissingPackages(runner: ChildRunner): Promise<void> {
  const missing = debianPackages.filter(({ programs }) => !programs.every(isOnPath))
  if (missing.length === 0) return
  const names = missing.map(({ name }) => name)
  console.log('Debian packages to install:')
  for (const { name, reason } of missing) console.log(`  ${name}: ${reason}`)
  if (!isOnPath('apt-get')) throw new Error(`this is no Debian: install by hand what is in ${names.join(', ')}`)
  const env = { DEBIAN_FRONTEND: 'noninteractive' }
  // A failed update is no reason to stop: the lists that are there may do.
  await runner.run('apt-get', ['update', '--quiet=2'], 300, env)
  for (const { service } of missing) if (service !== undefined) maskService(service)
  const install = ['install', '--yes', '--no-install-recommends', '--quiet', ...names]
  const code = await runner.run('apt-get', install, 600, env)
  if (code !== 0) throw new Error(`apt-get could not install ${names.join(', ')}: install them by hand`)
}

/** A masked service is neither enabled nor started by its package. The mask stays: whoever wants the service lifts it. */
function maskService(service: string): void {
  mkdirSync(SYSTEMD_FOLDER, { recursive: true })
  const mask = path.join(SYSTEMD_FOLDER, service)
  if (!existsSync(mask)) symlinkSync('/dev/null', mask)
}

function isOnPath(program: string): boolean {
  return searchPath.some((folder) => isExecutable(path.join(folder, program)))
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
