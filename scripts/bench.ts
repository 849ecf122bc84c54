// Runs the benchmarks: every file in bench/, or the ones named: `npm run bench -- [<name>] [<its arguments>...]`.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'

const folder = 'bench'
const extension = '.ts'

const names = existsSync(folder)
  ? readdirSync(folder)
      .filter((file) => file.endsWith(extension) && !file.endsWith(`.test${extension}`))
      .map((file) => file.slice(0, -extension.length))
  : []

const [wanted, ...args] = process.argv.slice(2)
const chosen = wanted === undefined ? names : names.filter((name) => name === wanted)

if (chosen.length === 0) {
  console.error(`no benchmark${wanted === undefined ? '' : ` "${wanted}"`}; there are: ${names.join(', ') || 'none'}`)
  process.exitCode = 1
}
for (const name of chosen) {
  console.log(`== ${name}`)
  const { status } = spawnSync(process.execPath, [`${folder}/${name}${extension}`, ...args], { stdio: 'inherit' })
  if (status !== 0) process.exitCode = 1
}
