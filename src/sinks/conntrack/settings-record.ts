import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'

/** A setting that Sluice changed. */
export interface ChangedSetting {
  /** Before Sluice changed it for the first time. */
  readonly original: number
  /** What Sluice wrote last. */
  readonly written: number
}

/** The settings that an instance changed, in a file of the run directory, which outlives the process. */
export class SettingsRecord {
  readonly #path: string

  constructor(runDirectory: string, instance: string) {
    this.#path = path.join(runDirectory, `${instance}.sysctls.json`)
  }

  /** In the order in which they were changed first. A file that is not there, or no record, is empty. */
  changes(): Map<string, ChangedSetting> {
    let content: unknown
    try {
      content = JSON.parse(readFileSync(this.#path, 'utf8'))
    } catch {
      return new Map()
    }
    if (typeof content !== 'object' || content === null) return new Map()
    return new Map(Object.entries(content as Record<string, unknown>).filter(isChange))
  }

  /** The first original of a setting is kept. */
  add(file: string, { original, written }: ChangedSetting): void {
    const changes = this.changes()
    this.#write(changes.set(file, { original: changes.get(file)?.original ?? original, written }))
  }

  remove(file: string): void {
    const changes = this.changes()
    if (changes.delete(file)) this.#write(changes)
  }

  #write(changes: ReadonlyMap<string, ChangedSetting>): void {
    if (changes.size === 0) {
      rmSync(this.#path, { force: true })
      return
    }
    mkdirSync(path.dirname(this.#path), { recursive: true, mode: 0o755 })
    const beside = `${this.#path}.new`
    writeFileSync(beside, `${JSON.stringify(Object.fromEntries(changes), null, 2)}\n`, { mode: 0o600 })
    renameSync(beside, this.#path)
  }
}

function isChange(entry: [string, unknown]): entry is [string, ChangedSetting] {
  const change = entry[1] as Partial<ChangedSetting> | null
  return typeof change?.original === 'number' && typeof change.written === 'number'
}
