import { existsSync } from 'node:fs'
import path from 'node:path'
import { cruise as dependencyCruiser } from 'dependency-cruiser'
import extractOptions from 'dependency-cruiser/config-utl/extract-depcruise-options'

export interface Violation {
  /** The rule's name and what it says. */
  readonly rule: string
  readonly from: string
  readonly to: string
}

export interface Cruise {
  /** How many modules of src were read. */
  readonly modules: number
  readonly violations: readonly Violation[]
}

const config = path.join(import.meta.dirname, '../../.dependency-cruiser.mjs')

/** Reads the imports of a tree that is laid out as this repository is. */
export async function cruise(baseDir: string): Promise<Cruise> {
  const options = await extractOptions(config)
  const folders = ['src', 'test', 'bench', 'scripts'].filter((folder) => existsSync(path.join(baseDir, folder)))
  const { output } = await dependencyCruiser(folders, { ...options, baseDir })
  if (typeof output === 'string') throw new Error(`dependency-cruiser answered with text: ${output}`)
  const comments = new Map(options.ruleSet?.forbidden?.map(({ name, comment }) => [name, comment]))
  return {
    modules: output.modules.filter(({ source }) => source.startsWith('src/')).length,
    violations: output.summary.violations.map(({ rule, from, to }) => {
      return { from, to, rule: `${rule.name} (${comments.get(rule.name) ?? ''})` }
    }),
  }
}
