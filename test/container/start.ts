// `node start.ts <root> <uid> <capabilities> <program> <arguments...>`: what a container runtime does last. The mounts are made
// (see container.ts); this goes into the root, gives up every capability but those, and becomes the program.
import koffi from 'koffi'

const CAPABILITIES: Readonly<Record<string, number>> = { NET_ADMIN: 12 }
const LAST_CAPABILITY = 63
/** From linux/prctl.h. */
const PR_CAPBSET_DROP = 24
const PR_SET_NO_NEW_PRIVS = 38

const libc = koffi.load(null)
const chroot = libc.func('int chroot(const char *path)') as (path: string) => number
const prctl = libc.func('int prctl(int op, unsigned long a, unsigned long b, unsigned long c, unsigned long d)') as (
  op: number,
  a: number,
  b: number,
  c: number,
  d: number,
) => number

const [root = '', uid = '', capabilities = '', program = '', ...args] = process.argv.slice(2)
const kept = new Set(capabilities.split(',').map((name) => CAPABILITIES[name]))
if (chroot(root) !== 0) throw new Error(`cannot chroot to ${root}: errno ${koffi.errno()}`)
process.chdir('/')
for (let capability = 0; capability <= LAST_CAPABILITY; capability++) {
  // Of those that this kernel does not know there is none to give up.
  if (!kept.has(capability)) prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
}
if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) !== 0) throw new Error('the kernel has no no_new_privs')
process.setgroups?.([])
process.setgid?.(Number(uid))
process.setuid?.(Number(uid))
process.execve?.(program, [program, ...args], { PATH: '/usr/bin' })
