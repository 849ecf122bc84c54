import type { ObjectId, Problem } from '../../model/object.ts'
import type { Store, Update } from '../../store/store.ts'
import { readError, SourceError } from '../error.ts'
import { ProblemTeller } from '../problem-teller.ts'
import type { Source } from '../source.ts'
import { Claims } from './claims.ts'
import { commit, countLost } from './commit.ts'
import { type ByteStream, FileReader } from './file-reader.ts'
import { EarlierContents, FileContents, FileState } from './file-state.ts'
import { type InputFile, type Listing, listInputs, STDIN } from './inputs.ts'
import { Pace } from './pace.ts'
import { currentProblems } from './problems.ts'
import { DEFAULT_LIMITS, type KnownDigests, type ReadLimits, type ReadUnit } from './unit.ts'
import { InputWatcher } from './watcher.ts'

/** Milliseconds after a change before files are read: editors do several things at once. */
const DEBOUNCE_MS = 2
/** Milliseconds for a file that is gone to come back, and for one that was emptied to be filled. */
const GONE_MS = 50
/** Milliseconds that a file must have been left alone before it is believed that objects were taken out of it. */
const LOST_MS = 15
/** Readings after which it is believed although the file is still being written. */
const MAX_POSTPONED = 20
/** Milliseconds between two looks at all files, for what the system did not tell. */
const POLL_MS = 5000
/** Milliseconds within which a second change may leave a file's times as they are. */
const CLOCK_TICK_MS = 20
/** Objects that are put into the store at once at the start, when nobody reads it yet. */
const INITIAL_BATCH = 500

export interface FileSourceOptions {
  readonly store: Store
  /** Paths of files and directories, or `-` for standard input. */
  readonly inputs: readonly string[]
  /** Whether changes of the files are followed until {@link FileSource.close}. */
  readonly follow: boolean
  /** Bytes; a larger file is not read. 256 MiB by default. */
  readonly maxFileBytes?: number
  /** Called once for each problem that is new; a problem that only moved to another line is not. */
  readonly onProblem?: (problem: Problem) => void
  /** Called whenever the problems are others than before. */
  readonly onProblems?: (problems: readonly Problem[]) => void
  /** What `-` reads; standard input by default. */
  readonly stdin?: ByteStream
}

/**
 * Fills the store from files of Kubernetes objects, or of KPNG's global state, and follows their changes. Nothing is lost by
 * a mistake: what a file gave before is kept while it cannot be read. An object in two files comes from the one whose path
 * sorts later.
 */
export class FileSource implements Source {
  readonly #options: FileSourceOptions
  readonly #reader: FileReader
  readonly #watcher: InputWatcher
  readonly #teller: ProblemTeller
  readonly #files = new Map<string, FileState>()
  readonly #claims = new Claims()
  readonly #limits: ReadLimits
  /** Files that are read in the next round even if they look the same. */
  #changed = new Set<string>()
  #inputErrors: readonly SourceError[] = []
  /** The reading that is under way. */
  #round: Promise<void> | undefined
  /** Another is to follow it. */
  #again = false
  #timer: NodeJS.Timeout | undefined
  #due = Number.POSITIVE_INFINITY
  #poll: NodeJS.Timeout | undefined
  #started = false
  #closed = false
  #problems: readonly Problem[] | undefined

  constructor(options: FileSourceOptions) {
    this.#options = options
    this.#limits = { ...DEFAULT_LIMITS, fileBytes: options.maxFileBytes ?? DEFAULT_LIMITS.fileBytes }
    this.#reader = new FileReader(this.#limits)
    this.#watcher = new InputWatcher(options.inputs, (file) => this.#onChange(file))
    this.#teller = new ProblemTeller(options)
  }

  /**
   * @throws SourceError when an input does not exist, or when nothing of what there is could be read. An empty directory or
   *   file is no error.
   */
  async start(): Promise<void> {
    const begun = this.#begin()
    this.#round = begun.then(ignore, ignore).finally(() => this.#endRound())
    try {
      await begun
    } catch (error) {
      await this.close()
      throw error
    }
  }

  problems(): readonly Problem[] {
    this.#problems ??= currentProblems(this.#inputErrors, this.#sorted(), this.#claims)
    return this.#problems
  }

  async close(): Promise<void> {
    this.#closed = true
    clearInterval(this.#poll)
    clearTimeout(this.#timer)
    this.#watcher.close()
    await this.#reader.release()
    await this.#round
  }

  async #begin(): Promise<void> {
    if (this.#options.follow) await this.#watcher.update()
    const listing = await listInputs(this.#options.inputs)
    const [missing] = listing.missing.values()
    if (missing !== undefined) throw missing
    await this.#readAll(listing, new Set())
    await this.#reader.release()
    if (this.#closed) return
    this.#refuseNothing()
    this.#options.store.markSynced()
    this.#teller.tell(this.problems())
    this.#started = true
    if (!this.#options.follow) return
    this.#poll = setInterval(() => this.#schedule(0), POLL_MS)
    if (this.#changed.size > 0) this.#schedule(DEBOUNCE_MS)
  }

  #onChange(file: string): void {
    this.#changed.add(file)
    if (this.#started) this.#schedule(DEBOUNCE_MS)
  }

  /** Looks at the files in so many milliseconds, or earlier if that was asked before. */
  #schedule(delay: number): void {
    const due = performance.now() + delay
    if (this.#closed || due >= this.#due) return
    clearTimeout(this.#timer)
    this.#due = due
    this.#timer = setTimeout(() => {
      this.#due = Number.POSITIVE_INFINITY
      // A round that is under way may have passed the file already.
      if (this.#round !== undefined) this.#again = true
      else this.#round = this.#look().finally(() => this.#endRound())
    }, delay)
  }

  #endRound(): void {
    this.#round = undefined
    if (this.#again) this.#schedule(0)
    this.#again = false
  }

  async #look(): Promise<void> {
    const changed = this.#changed
    this.#changed = new Set()
    await this.#watcher.update()
    await this.#readAll(await listInputs(this.#options.inputs), changed)
    await this.#reader.release()
    if (!this.#closed) this.#teller.tell(this.problems())
  }

  async #readAll(listing: Listing, changed: ReadonlySet<string>): Promise<void> {
    this.#inputErrors = [...listing.unreadable.values(), ...listing.missing.values()]
    this.#problems = undefined
    const listed = new Set<string>()
    for (const file of listing.files) {
      if (this.#closed) return
      listed.add(file.key)
      const state = this.#files.get(file.key)
      if (state === undefined || needsReading(state, file, changed))
        await this.#read(file, state ?? new FileState(file))
    }
    for (const state of this.#sorted()) {
      const isGone = !listed.has(state.key) && !listing.unreadable.has(state.input) && state.type === 'regular'
      if (isGone && !this.#closed) await this.#forget(state)
    }
  }

  /** Reads a file and applies what changed; when it cannot be read, what it gave before stays. */
  async #read(file: InputFile, state: FileState): Promise<void> {
    this.#files.set(file.key, state)
    this.#problems = undefined
    state.goneSince = undefined
    try {
      const next = await this.#contents(file, state)
      if (this.#closed || this.#isPostponed(file, state, next)) return
      state.error = undefined
      state.postponed = 0
      await this.#apply(await commit(state, next, this.#claims))
    } catch (error) {
      state.error = readError(file.path, error)
    }
    const mayWorkLater = state.error?.code === 'SOURCE_UNREADABLE'
    state.stamp = mayWorkLater || Date.now() - file.changed <= CLOCK_TICK_MS ? '' : file.stamp
    state.inode = file.inode
    this.#problems = undefined
  }

  async #contents(file: InputFile, state: FileState): Promise<FileContents> {
    const next = new FileContents()
    const earlier = new EarlierContents(state.contents)
    for await (const units of this.#units(file, earlier.units)) {
      if (this.#closed) break
      next.add(units, earlier)
    }
    await next.keepFrom(earlier)
    return next
  }

  #units(file: InputFile, known: KnownDigests): AsyncIterable<ReadUnit[]> {
    if (file.key === STDIN) return this.#reader.readStream(file.path, this.#options.stdin ?? process.stdin)
    return file.type === 'stream' ? this.#reader.readPipe(file.path) : this.#reader.read(file.path, known)
  }

  /**
   * Who writes a file in place empties it first: objects that are missing in a file that was written just now are believed
   * to be gone only when it is left alone. A file that was renamed into place is whole.
   */
  #isPostponed(file: InputFile, state: FileState, next: FileContents): boolean {
    const isSameFile = state.inode === file.inode && this.#started
    if (!isSameFile || state.postponed >= MAX_POSTPONED || countLost(state, next) === 0) return false
    const patience = next.held.size === 0 ? GONE_MS : LOST_MS
    const left = file.changed + patience - Date.now()
    if (left <= 0) return false
    state.postponed++
    state.stamp = ''
    this.#changed.add(file.key)
    this.#schedule(left + 1)
    return true
  }

  /** A file that is gone takes its objects with it, unless it comes back at once, as with some editors. */
  async #forget(state: FileState): Promise<void> {
    const now = performance.now()
    state.goneSince ??= now
    const left = state.goneSince + GONE_MS - now
    if (left > 0) {
      this.#schedule(left)
      return
    }
    this.#files.delete(state.key)
    await this.#apply(await commit(state, new FileContents(), this.#claims))
    this.#problems = undefined
  }

  async #apply(update: Update): Promise<void> {
    const { store } = this.#options
    if (this.#closed || (update.set.length === 0 && update.delete.length === 0)) return
    if (this.#started) {
      store.apply(update)
      return
    }
    const pace = new Pace()
    const nothing: readonly ObjectId[] = []
    for (let i = 0; i < update.set.length; i += INITIAL_BATCH) {
      store.apply({ set: update.set.slice(i, i + INITIAL_BATCH), delete: nothing })
      if (pace.due) await pace.pause()
    }
  }

  #sorted(): FileState[] {
    return [...this.#files.values()].sort((a, b) => (a.key < b.key ? -1 : 1))
  }

  /** A proxy that starts with nothing because of an error would take down what is served. */
  #refuseNothing(): void {
    const [inputError] = this.#inputErrors
    const files = this.#sorted()
    if (files.some((file) => file.isUsable)) return
    const error = inputError ?? files.find((file) => file.error !== undefined)?.error
    if (error !== undefined) throw error
    for (const file of files) {
      for (const problem of file.problems()) {
        if (problem.severity === 'error') throw new SourceError('SOURCE_SYNTAX', problem.origin, problem.message)
      }
    }
  }
}

function needsReading(state: FileState, file: InputFile, changed: ReadonlySet<string>): boolean {
  if (file.type === 'stream') return false
  return changed.has(file.key) || state.stamp !== file.stamp || state.goneSince !== undefined
}

function ignore(): void {}
