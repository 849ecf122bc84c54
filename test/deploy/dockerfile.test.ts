import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, test } from 'vitest'
import manifest from '../../package.json' with { type: 'json' }

/** Instruction and arguments of each line; there are no continuations. */
const instructions = readFileSync('Dockerfile', 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => {
    const [word = '', ...rest] = line.split(' ')
    return { word, rest: rest.join(' ') }
  })

const all = (word: string) => instructions.filter((instruction) => instruction.word === word).map(({ rest }) => rest)

test('the Dockerfile has only instructions that are checked here', () => {
  const known = ['FROM', 'WORKDIR', 'COPY', 'RUN', 'USER', 'ENTRYPOINT']
  expect(instructions.map(({ word }) => word).filter((word) => !known.includes(word))).toEqual([])
  expect(all('FROM')).toEqual([expect.stringMatching(/ AS build$/), expect.not.stringContaining(' AS ')])
})

test('what is copied into the image is what the build stage made, and has the entry point', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'sluice-dockerfile-'))
  try {
    const [command = ''] = all('RUN')
    expect(command).toContain(' /image')
    execFileSync('sh', ['-c', command.replace(' /image', ` "${folder}"`)], { stdio: ['ignore', 'ignore', 'pipe'] })
    expect(all('COPY')).toEqual(['. .', '--from=build /image/ /'])
    const [entryPoint = ''] = JSON.parse(all('ENTRYPOINT')[0] ?? '[]') as string[]
    const node = path.join(folder, 'usr/bin/node')
    const version = execFileSync(node, [path.join(folder, entryPoint), 'version'], { encoding: 'utf8' })
    expect(version).toBe(`${manifest.version}\n`)
    expect(all('USER')).toEqual(['65532:65532'])
  } finally {
    rmSync(folder, { recursive: true })
  }
}, 60_000)

test('what the build stage needs is not kept from it', () => {
  const ignored = readFileSync('.dockerignore', 'utf8').trim().split('\n')
  const needed = ['package.json', 'package-lock.json', '.npmrc', 'scripts', 'src', 'LICENSE']
  expect(needed.filter((file) => ignored.includes(file))).toEqual([])
})
