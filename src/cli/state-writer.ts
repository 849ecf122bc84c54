import { setTimeout as delay } from 'node:timers/promises'
import { Slices } from '../observe/event-loop.ts'
import type { Logger } from '../observe/log.ts'
import type { StateFile } from '../sinks/file/state-file.ts'
import type { ChangeSet, StoreReader } from '../store/reader.ts'
import type { Store } from '../store/store.ts'
import { failureText } from './failure.ts'
import { SyncSchedule } from './sync-schedule.ts'

/** Keeps a file in line with the store. */
export class StateWriter {
  readonly #store: Store
  readonly #reader: StoreReader
  readonly #file: StateFile
  readonly #log: Logger
  readonly #schedule: SyncSchedule
  /** Revision that the file has; 0 before the first. */
  writtenRevision = 0
  /** Why the file could not be written the last time; empty when it could. */
  lastError = ''
  /** When the file was last in line, ISO 8601; empty before the first time. */
  lastSync = ''

  /** @param minSyncPeriod milliseconds between the beginnings of two writes, at least */
  constructor(store: Store, file: StateFile, log: Logger, minSyncPeriod: number) {
    this.#store = store
    this.#reader = store.reader()
    this.#file = file
    this.#log = log
    this.#schedule = new SyncSchedule({ minSyncPeriod, syncPeriod: 0 })
  }

  /** Writes the first state, when it is there. @throws OutputError */
  async writeFirst(): Promise<void> {
    const changes = await this.#reader.next()
    if (changes !== undefined) await this.#write(await this.#take(changes))
  }

  /** Writes what changes, until {@link close}. What cannot be written is told, and tried again. */
  async follow(stopping: AbortSignal): Promise<void> {
    for (;;) {
      const changes = await this.#reader.next()
      if (changes === undefined) return
      const revision = await this.#take(changes)
      await this.#pause(this.#schedule.allowedIn, stopping)
      while (!stopping.aborted && !(await this.#tryToWrite(revision))) {
        await this.#pause(this.#schedule.dueIn, stopping)
      }
    }
  }

  close(): void {
    this.#reader.close()
  }

  async #pause(milliseconds: number, signal: AbortSignal): Promise<void> {
    await delay(milliseconds, undefined, { signal }).catch(() => undefined)
  }

  async #tryToWrite(revision: number): Promise<boolean> {
    try {
      await this.#write(revision)
      this.#schedule.succeeded()
      return true
    } catch (error) {
      this.#schedule.failed()
      this.lastError = failureText(error)
      this.#log.error({ err: error }, 'the state could not be written; it is tried again')
      return false
    }
  }

  async #write(revision: number): Promise<void> {
    this.#schedule.started()
    if (await this.#file.write()) this.#log.info({ revision, ...this.#store.counts }, 'wrote the state')
    this.writtenRevision = revision
    this.lastError = ''
    this.lastSync = new Date().toISOString()
  }

  /** @returns the revision that the text has now. */
  async #take({ revision, services, nodes, serviceCIDRs }: ChangeSet): Promise<number> {
    const { text } = this.#file
    const slices = new Slices()
    for (const name of nodes) text.setNode(name, this.#store.node(name))
    for (const name of serviceCIDRs) text.setServiceCIDR(name, this.#store.serviceCIDR(name))
    for (const key of services) {
      text.setService(key, this.#store.service(key), this.#store.endpointSlices(key))
      if (slices.due()) await slices.pause()
    }
    return revision
  }
}
