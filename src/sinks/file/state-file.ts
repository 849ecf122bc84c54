import { writeAtomically } from '../../sink/write-atomically.ts'
import { OutputError } from './error.ts'
import { StateText, type StateTextOptions } from './state-text.ts'

/** A file with the cluster's state. */
export class StateFile {
  /** What the file is to have. */
  readonly text: StateText
  readonly #path: string

  constructor(path: string, options: StateTextOptions) {
    this.#path = path
    this.text = new StateText(options)
  }

  /**
   * Brings the file in line. Readers see the text from before or the new one, never a part.
   *
   * @returns false when it was in line already
   * @throws OutputError
   */
  async write(): Promise<boolean> {
    try {
      return await writeAtomically(this.#path, this.text.pieces())
    } catch (error) {
      throw new OutputError(this.#path, error)
    }
  }
}
