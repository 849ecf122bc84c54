// Runs a benchmark, that is a file in bench/: `npm run bench -- [<name>] [<its arguments>...]`. Without a name it is the whole
// comparison with other proxies.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { installMissingPackages } from './debian-packages.ts'
import { ChildRunner } from './test/child.ts'

const WHOLE_COMPARISON = 'peers'
const folder = 'bench'
const extension = '.ts'

const names = existsSync(folder)
  ? readdirSync(folder)
      .filter((file) => file.endsWith(extension) && !file.endsWith(`.test${extension}`))
      .map((file) => file.slice(0, -extension.length))
  : []

const [first, ...rest] = process.argv.slice(2)
const isNamed = first !== undefined && !first.startsWith('-')
const name = isNamed ? first : WHOLE_COMPARISON
const args = isNamed ? rest : process.argv.slice(2)

if (!names.includes(name)) {
  console.error(`no benchmark "${name}"; there are: ${names.join(', ') || 'none'}`)
  process.exitCode = 1
} else {
  if (process.getuid?.() === 0) await installMissingPackages(new ChildRunner())
  console.log(`== ${name}`)
  const { status } = spawnSync(process.execPath, [`${folder}/${name}${extension}`, ...args], { stdio: 'inherit' })
  if (status !== 0) process.exitCode = 1
}
