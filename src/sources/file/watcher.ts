import { type FSWatcher, watch } from 'node:fs'
import { realpath, stat } from 'node:fs/promises'
import path from 'node:path'
import { isInputName, STDIN } from './inputs.ts'

/** True for a name in a directory whose changes matter. */
type Filter = (name: string) => boolean

interface Watched {
  readonly watcher: FSWatcher
  /** Of the directory as it was when the watch began: a watch ends with its directory. */
  readonly identity: string
  filter: Filter
}

/**
 * Tells at once when something under the inputs may have changed. It watches directories, because files are replaced by
 * renaming, and the directories above, because those may vanish and come back. It may miss changes (a network file system,
 * a directory that comes back somewhere above): the source looks by itself from time to time.
 */
export class InputWatcher {
  readonly #inputs: readonly string[]
  readonly #onChange: (file: string) => void
  readonly #watched = new Map<string, Watched>()
  #closed = false

  /** @param onChange is called with the path that changed */
  constructor(inputs: readonly string[], onChange: (file: string) => void) {
    this.#inputs = inputs.filter((input) => input !== STDIN)
    this.#onChange = onChange
  }

  /** Watches what is to be watched now. To be called again whenever something changed. */
  async update(): Promise<void> {
    const wanted = new Map<string, Filter>()
    const want = (directory: string, filter: Filter): void => {
      const other = wanted.get(directory)
      wanted.set(directory, other === undefined ? filter : (name) => other(name) || filter(name))
    }
    for (const input of this.#inputs) await wantInput(path.resolve(input), want)
    for (const [directory, filter] of wanted) await this.#open(directory, filter)
    for (const directory of this.#watched.keys()) if (!wanted.has(directory)) this.#drop(directory)
  }

  close(): void {
    this.#closed = true
    for (const directory of this.#watched.keys()) this.#drop(directory)
  }

  async #open(directory: string, filter: Filter): Promise<void> {
    const identity = await identityOf(directory)
    const present = this.#watched.get(directory)
    if (present !== undefined && present.identity === identity) {
      present.filter = filter
      return
    }
    this.#drop(directory)
    if (identity === undefined || this.#closed) return
    try {
      const watcher = watch(directory)
      watcher.on('change', (_, name) => this.#tell(directory, name))
      watcher.on('error', () => this.#drop(directory))
      this.#watched.set(directory, { watcher, identity, filter })
    } catch {
      // No watches left, or no permission: the source's own looking must do.
    }
  }

  #tell(directory: string, name: string | Buffer | null): void {
    if (name === null) this.#onChange(directory)
    else if (this.#watched.get(directory)?.filter(String(name))) this.#onChange(path.join(directory, String(name)))
  }

  #drop(directory: string): void {
    this.#watched.get(directory)?.watcher.close()
    this.#watched.delete(directory)
  }
}

async function wantInput(input: string, want: (directory: string, filter: Filter) => void): Promise<void> {
  const stats = await stat(input).catch(() => undefined)
  const parent = path.dirname(input)
  if (stats?.isDirectory()) {
    // A mounted ConfigMap changes by renaming the link `..data`.
    want(input, (name) => isInputName(name) || name.startsWith('..'))
  } else {
    const target = await realpath(input).catch(() => input)
    // The way to the target of a link may change anywhere; its last part is seen here.
    if (target !== input) want(path.dirname(target), (name) => name === path.basename(target))
    want(parent, (name) => target !== input || name === path.basename(input))
    want(path.dirname(parent), (name) => name === path.basename(parent))
  }
  want(parent, (name) => name === path.basename(input))
}

/** A directory that was made anew may have the old one's inode. */
async function identityOf(directory: string): Promise<string | undefined> {
  const stats = await stat(directory, { bigint: true }).catch(() => undefined)
  return stats?.isDirectory() ? `${stats.dev} ${stats.ino} ${stats.birthtimeNs}` : undefined
}
