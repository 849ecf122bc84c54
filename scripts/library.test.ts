import { readFileSync } from 'node:fs'
import path from 'node:path'
import { Application, LogLevel } from 'typedoc'
import { expect, test } from 'vitest'
import { libraryEntries } from './bootstrap/entries.mjs'

interface Manifest {
  readonly exports: Readonly<Record<string, { readonly types: string; readonly default: string } | string>>
}

const LONG = 120_000

test('each export of the package is built, with its types', () => {
  const { exports } = JSON.parse(readFileSync('package.json', 'utf8')) as Manifest
  const expected = libraryEntries.map(({ from, to }) => [
    `./${path.basename(to, '.js')}`,
    { types: `./${from.replace('src', 'dist/types').replace('.ts', '.d.ts')}`, default: `./${to}` },
  ])
  expect(exports).toEqual({ ...Object.fromEntries(expected), './package.json': './package.json' })
})

test(
  'every export of the library has a comment, and TypeDoc has nothing to complain of',
  async () => {
    const application = await Application.bootstrapWithPlugins({ logLevel: LogLevel.Warn })
    const complaints: string[] = []
    application.logger.addContext = (message) => {
      complaints.push(message)
      return message
    }
    const project = await application.convert()
    if (project === undefined) throw new Error(`TypeDoc cannot read the sources:\n${complaints.join('\n')}`)
    application.validate(project)
    expect(complaints).toEqual([])
    const names = project.children?.map(({ name }) => name).sort()
    expect(names).toEqual(['sluice/client', 'sluice/model', 'sluice/sink'])
  },
  LONG,
)
