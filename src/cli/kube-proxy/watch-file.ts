import { readFile } from 'node:fs/promises'
import { readError } from '../../sources/error.ts'
import { InputWatcher } from '../../sources/file/watcher.ts'

/** A file may be looked at in the middle of being replaced: what is seen must be there so long. Milliseconds. */
const SETTLE_MS = 200

/** For what the kernel does not tell, as on a network file system. Milliseconds. */
const POLL_MS = 10_000

/**
 * Calls back once, when the file's content is no longer this one: changed, replaced (as a mounted ConfigMap is, by renaming a link
 * above it), or gone. A file that was only touched, or is back at once, has not changed.
 */
export class FileWatch {
  readonly #path: string
  readonly #content: string
  readonly #onChange: (how: string) => void
  readonly #watcher: InputWatcher
  readonly #poll: NodeJS.Timeout
  #settling: NodeJS.Timeout | undefined
  /** What the last look saw, when it was something else. */
  #lastSeen: string | undefined
  #isClosed = false

  /** @param onChange is told what happened, to go behind the file's name: `has changed`, `does not exist` */
  constructor(path: string, content: string, onChange: (how: string) => void) {
    this.#path = path
    this.#content = content
    this.#onChange = onChange
    const look = () => {
      this.#lookSoon()
    }
    this.#watcher = new InputWatcher([path], look)
    this.#poll = setInterval(look, POLL_MS).unref()
    // It may have changed since it was read.
    look()
  }

  close(): void {
    this.#isClosed = true
    this.#watcher.close()
    clearInterval(this.#poll)
    clearTimeout(this.#settling)
  }

  #lookSoon(): void {
    if (this.#isClosed || this.#settling !== undefined) return
    void this.#watcher.update()
    this.#settling = setTimeout(() => void this.#look(), SETTLE_MS).unref()
  }

  /** Two looks in a row must see the same. */
  async #look(): Promise<void> {
    const { how, seen } = await this.#read()
    this.#settling = undefined
    const isStable = seen === this.#lastSeen
    this.#lastSeen = how === undefined ? undefined : seen
    if (how === undefined || this.#isClosed) return
    if (!isStable) {
      this.#lookSoon()
      return
    }
    this.close()
    this.#onChange(how)
  }

  /** What is there now; `how` says what became of the file, and is undefined when it is as it was. */
  async #read(): Promise<{ readonly how: string | undefined; readonly seen: string }> {
    try {
      const seen = await readFile(this.#path, 'utf8')
      return { how: seen === this.#content ? undefined : 'has changed', seen: `content ${seen}` }
    } catch (error) {
      const how = readError(this.#path, error).reason
      return { how, seen: how }
    }
  }
}
