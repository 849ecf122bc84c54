import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { SysctlError } from './error.ts'

/** Numbers that the kernel lets be changed in files, for example `/proc/sys/net/netfilter/nf_conntrack_max`. */
export interface KernelSettings {
  /** @throws SysctlError `SYSCTL_ABSENT`, `SYSCTL_READ` */
  read(file: string): number
  /** @throws SysctlError `SYSCTL_ABSENT`, `SYSCTL_WRITE` */
  write(file: string, value: number): void
}

/** The settings of the network namespace that the calling thread is in. */
export class SettingFiles implements KernelSettings {
  readonly #root: string

  /** @param root where `/proc` and `/sys` are; another folder in tests. */
  constructor(root = '/') {
    this.#root = root
  }

  read(file: string): number {
    let text: string
    try {
      text = readFileSync(path.join(this.#root, file), 'utf8').trim()
    } catch (error) {
      throw settingError('SYSCTL_READ', `cannot read ${file}`, error)
    }
    if (!/^-?\d+$/.test(text)) throw new SysctlError('SYSCTL_READ', `${file} is no number but "${text}"`)
    return Number(text)
  }

  write(file: string, value: number): void {
    try {
      // Without O_CREAT and O_TRUNC: a file that is not there is no setting.
      writeFileSync(path.join(this.#root, file), String(value), { flag: 'r+' })
    } catch (error) {
      throw settingError('SYSCTL_WRITE', `cannot set ${file} to ${value}`, error)
    }
  }
}

function settingError(code: 'SYSCTL_READ' | 'SYSCTL_WRITE', message: string, cause: unknown): SysctlError {
  const errno = (cause as NodeJS.ErrnoException).code ?? ''
  return new SysctlError(errno === 'ENOENT' ? 'SYSCTL_ABSENT' : code, `${message}: ${errno}`, { errno, cause })
}
