import { execFileSync } from 'node:child_process'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

const RELEASE = 'bookworm'

/** What Node needs of Debian to run, and the one program that Sluice starts. */
const PACKAGES: readonly { readonly name: string; readonly reason: string }[] = [
  {
    name: 'base-files',
    reason: 'os-release, by which scanners know the distribution, and the texts of common licenses',
  },
  { name: 'gcc-12-base', reason: 'the license of the two libraries of GCC' },
  { name: 'iptables', reason: 'removes what a kube-proxy left in the tables of iptables-legacy' },
  { name: 'libc6', reason: 'the C library, that koffi calls, too' },
  { name: 'libgcc-s1', reason: 'Node is linked with it' },
  { name: 'libip4tc2', reason: 'iptables is linked with it' },
  { name: 'libip6tc2', reason: 'iptables is linked with it' },
  { name: 'libstdc++6', reason: 'Node is linked with it' },
  { name: 'libxtables12', reason: 'iptables is linked with it' },
]

/** Paths in a package that are put into the image; of directories none is empty. */
const WANTED = [
  /^(usr\/)?lib(64)?\/.*\.so\b/,
  /^(etc|usr\/lib)\/os-release$/,
  /^etc\/debian_version$/,
  /^usr\/sbin\/(xtables-legacy-multi|ip6?tables-legacy-(save|restore))$/,
  /^usr\/share\/common-licenses\//,
  /^usr\/share\/doc\/([^/]+\/copyright|lib[^/]+)$/,
]
/** Character sets that nobody here converts, 8 MB of them. */
const UNWANTED = /\/gconv\//

/** A package that is in an image. */
export interface DebianPackage {
  readonly name: string
  readonly version: string
}

/**
 * Downloads the packages, as apt would install them here, and puts what is used of them below `root`.
 *
 * @throws Error when this is another release, or apt cannot get them.
 */
export function addDebianPackages(root: string): DebianPackage[] {
  checkRelease()
  const folder = mkdtempSync(path.join(tmpdir(), 'sluice-image-debian-'))
  try {
    download(folder)
    const files = readdirSync(folder).filter((file) => file.endsWith('.deb'))
    return files.sort().map((file) => addPackage(path.join(folder, file), path.join(folder, 'unpacked'), root))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function checkRelease(): void {
  const text = readFileSync('/etc/os-release', 'utf8')
  if (text.includes(`VERSION_CODENAME=${RELEASE}`)) return
  throw new Error(`the image is made of packages of Debian ${RELEASE}, and this is another system: use the Dockerfile`)
}

function download(folder: string): void {
  const apt = (...args: string[]) => {
    // apt's own user cannot write here, of which it warns on standard error.
    execFileSync('apt-get', ['--quiet=2', ...args], { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] })
  }
  const names = PACKAGES.map(({ name }) => name)
  try {
    apt('download', ...names)
  } catch {
    // The lists are missing, or so old that the archive has newer packages.
    apt('update')
    apt('download', ...names)
  }
}

function addPackage(file: string, unpacked: string, root: string): DebianPackage {
  rmSync(unpacked, { recursive: true, force: true })
  execFileSync('dpkg-deb', ['--extract', file, unpacked])
  for (const entry of readdirSync(unpacked, { recursive: true, withFileTypes: true })) {
    const source = path.join(entry.parentPath, entry.name)
    const name = path.relative(unpacked, source)
    if (entry.isDirectory() || !WANTED.some((pattern) => pattern.test(name)) || UNWANTED.test(name)) continue
    const target = path.join(root, name)
    mkdirSync(path.dirname(target), { recursive: true })
    if (entry.isSymbolicLink()) symlinkSync(readlinkSync(source), target)
    else cpSync(source, target)
  }
  const control = execFileSync('dpkg-deb', ['--field', file], { encoding: 'utf8' })
  const [name, version] = ['Package', 'Version'].map((field) => new RegExp(`^${field}: (.*)$`, 'm').exec(control)?.[1])
  if (name === undefined || version === undefined) throw new Error(`${path.basename(file)} has no name or no version`)
  // Where scanners look for packages of an image that has no dpkg.
  const status = path.join(root, 'var/lib/dpkg/status.d')
  mkdirSync(status, { recursive: true })
  writeFileSync(path.join(status, name), control)
  return { name, version }
}

/** The little in /etc that makes names of users and hosts work. */
export function addSystemFiles(root: string): void {
  const files = {
    'etc/passwd': 'root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/:/sbin/nologin\n',
    'etc/group': 'root:x:0:\nnonroot:x:65532:\n',
    // Without it glibc would ask DNS before /etc/hosts.
    'etc/nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files dns\n',
  }
  mkdirSync(path.join(root, 'etc'), { recursive: true })
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(root, name), text)
}
