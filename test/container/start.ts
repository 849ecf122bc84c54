// `node start.ts <root> <uid> <capabilities> <program> <arguments...>`: what a container runtime does last. The mounts are made
// (see container.ts); this goes into the root, gives up every capability but those, and becomes the program.
import koffi from 'koffi'

const CAPABILITIES: Readonly<Record<string, number>> = { NET_ADMIN: 12, NET_RAW: 13 }
const LAST_CAPABILITY = 63
/** From linux/prctl.h. */
const PR_CAPBSET_DROP = 24
const PR_SET_NO_NEW_PRIVS = 38
const PR_SET_SECCOMP = 22
const SECCOMP_MODE_FILTER = 2
/** What the default profile of container runtimes refuses of the calls that Node tries first. From asm-generic/unistd.h. */
const IO_URING = { first: 425, last: 427 }
const CLONE3 = 435
const [EPERM, ENOSYS] = [1, 38]

const libc = koffi.load(null)
koffi.struct('sock_fprog', { len: 'uint16_t', filter: 'void *' })
const chroot = libc.func('int chroot(const char *path)') as (path: string) => number
const prctl = libc.func('int prctl(int op, unsigned long a, unsigned long b, unsigned long c, unsigned long d)') as (
  op: number,
  a: number,
  b: number,
  c: number,
  d: number,
) => number
const seccomp = libc.func(
  'int prctl(int op, unsigned long mode, sock_fprog *program, unsigned long c, unsigned long d)',
) as (op: number, mode: number, program: { len: number; filter: Buffer }, c: number, d: number) => number

const [root = '', uid = '', capabilities = '', program = '', ...args] = process.argv.slice(2)
const kept = new Set(capabilities.split(',').map((name) => CAPABILITIES[name]))
if (chroot(root) !== 0) throw new Error(`cannot chroot to ${root}: errno ${koffi.errno()}`)
process.chdir('/')
for (let capability = 0; capability <= LAST_CAPABILITY; capability++) {
  // Of those that this kernel does not know there is none to give up.
  if (!kept.has(capability)) prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
}
if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) !== 0) throw new Error('the kernel has no no_new_privs')
if (seccomp(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, defaultProfile(), 0, 0) !== 0)
  throw new Error('the kernel has no seccomp')
process.setgroups?.([])
process.setgid?.(Number(uid))
process.setuid?.(Number(uid))
process.execve?.(program, [program, ...args], { PATH: '/usr/bin' })

/** A program of classic BPF, that looks at the number of the call; linux/filter.h and linux/seccomp.h. */
function defaultProfile(): { len: number; filter: Buffer } {
  const [LOAD, IS_EQUAL, IS_AT_LEAST, RETURN] = [0x20, 0x15, 0x35, 0x06]
  const [ALLOW, ERRNO] = [0x7fff0000, 0x00050000]
  const program = [
    [LOAD, 0, 0, 0],
    [IS_EQUAL, 3, 0, CLONE3],
    [IS_AT_LEAST, 0, 1, IO_URING.first],
    [IS_AT_LEAST, 0, 2, IO_URING.last + 1],
    [RETURN, 0, 0, ALLOW],
    [RETURN, 0, 0, ERRNO + ENOSYS],
    [RETURN, 0, 0, ERRNO + EPERM],
  ] as const
  const filter = Buffer.alloc(8 * program.length)
  for (const [at, [code, whenTrue, whenFalse, value]] of program.entries()) {
    filter.writeUInt16LE(code, 8 * at)
    filter.writeUInt8(whenTrue, 8 * at + 2)
    filter.writeUInt8(whenFalse, 8 * at + 3)
    filter.writeUInt32LE(value, 8 * at + 4)
  }
  return { len: program.length, filter }
}
