import type { BigIntStats } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import path from 'node:path'
import { readError, type SourceError } from '../error.ts'

/** The input that stands for standard input. */
export const STDIN = '-'

/** A file that an input stands for. */
export interface InputFile {
  /** Absolute path; `-` for standard input. Files are read in the order of their keys. */
  readonly key: string
  /** As it is called in messages: relative when the input was. */
  readonly path: string
  readonly input: string
  /** Changes whenever the file does; empty when it cannot be told. */
  readonly stamp: string
  readonly size: number
  /** Milliseconds since 1970. */
  readonly changed: number
  readonly inode: bigint
  /** `stream`: can be read once only, such as standard input or a pipe. */
  readonly type: 'regular' | 'stream'
}

export interface Listing {
  /** In the order of their keys, each once. */
  readonly files: readonly InputFile[]
  /** Inputs that do not exist (any more). */
  readonly missing: ReadonlyMap<string, SourceError>
  /** Inputs that exist and cannot be listed: what their files are is not known. */
  readonly unreadable: ReadonlyMap<string, SourceError>
}

/** Names of the files in a directory that are read. Hidden files are not, nor what editors leave beside a file. */
export function isInputName(name: string): boolean {
  return /^[^.#].*\.(?:yaml|yml|json)$/.test(name)
}

/** Finds the files of all inputs: paths of files, of directories (not of directories in them), or `-`. */
export async function listInputs(inputs: readonly string[]): Promise<Listing> {
  const files = new Map<string, InputFile>()
  const missing = new Map<string, SourceError>()
  const unreadable = new Map<string, SourceError>()
  for (const input of inputs) {
    try {
      for (const file of await filesOf(input)) if (!files.has(file.key)) files.set(file.key, file)
    } catch (error) {
      const problem = readError(input, error)
      ;(problem.code === 'SOURCE_NOT_FOUND' ? missing : unreadable).set(input, problem)
    }
  }
  return { files: [...files.values()].sort((a, b) => (a.key < b.key ? -1 : 1)), missing, unreadable }
}

async function filesOf(input: string): Promise<InputFile[]> {
  if (input === STDIN) {
    return [{ key: STDIN, path: 'stdin', input, stamp: '', size: 0, changed: 0, inode: 0n, type: 'stream' }]
  }
  const stats = await stat(input, { bigint: true })
  if (!stats.isDirectory()) return [describeFile(input, input, stats)]
  const names = (await readdir(input)).filter(isInputName)
  const found = await Promise.all(names.map((name) => fileIn(input, name)))
  return found.filter((file) => file !== undefined)
}

/** @returns undefined for a directory, and for a file or link target that vanished just now. */
async function fileIn(directory: string, name: string): Promise<InputFile | undefined> {
  const file = path.join(directory, name)
  const stats = await stat(file, { bigint: true }).catch((error: unknown) => {
    if (readError(file, error).code === 'SOURCE_NOT_FOUND') return undefined
    throw error
  })
  return stats === undefined || stats.isDirectory() ? undefined : describeFile(file, directory, stats)
}

function describeFile(file: string, input: string, stats: BigIntStats): InputFile {
  return {
    key: path.resolve(file),
    path: file,
    input,
    stamp: [stats.dev, stats.ino, stats.size, stats.mtimeNs, stats.ctimeNs].join(' '),
    size: Number(stats.size),
    changed: Number(stats.mtimeMs),
    inode: stats.ino,
    type: stats.isFile() ? 'regular' : 'stream',
  }
}
