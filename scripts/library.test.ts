import { readFileSync } from 'node:fs'
import { Application, Logger, LogLevel } from 'typedoc'
import { expect, test } from 'vitest'

interface Manifest {
  readonly exports: Readonly<Record<string, { readonly types: string; readonly default: string } | string>>
}

const MODULES = ['client', 'model', 'sink'] as const
/** TypeDoc checks all types first. */
const PATIENCE_MS = 120_000

/** Keeps what is wrong. */
class Complaints extends Logger {
  readonly messages: string[] = []

  override log(message: string, level: LogLevel): void {
    super.log(message, level)
    if (level >= LogLevel.Warn) this.messages.push(message)
  }
}

test('each module of the library is an export of the package, with its types', () => {
  const { exports } = JSON.parse(readFileSync('package.json', 'utf8')) as Manifest
  const expected = MODULES.map((name) => [
    `./${name}`,
    { types: `./dist/types/${name}/index.d.ts`, default: `./dist/library/${name}.js` },
  ])
  expect(exports).toEqual({ ...Object.fromEntries(expected), './package.json': './package.json' })
})

test(
  'every export of the library has a comment, and TypeDoc has nothing to complain of',
  async () => {
    const application = await Application.bootstrapWithPlugins()
    const complaints = new Complaints()
    application.logger = complaints
    const project = await application.convert()
    if (project === undefined) throw new Error(`TypeDoc cannot read the sources:\n${complaints.messages.join('\n')}`)
    application.validate(project)
    expect(complaints.messages).toEqual([])
    expect(project.children?.map(({ name }) => name).sort()).toEqual(MODULES.map((name) => `sluice/${name}`))
  },
  PATIENCE_MS,
)
