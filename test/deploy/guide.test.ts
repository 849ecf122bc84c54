import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import manifest from '../../package.json' with { type: 'json' }
import { parseCommandLine } from '../../src/cli/command-line.ts'

/** Nobody listens there. */
const NO_SERVER = 'http://127.0.0.1:9'
const PAGES = [...readdirSync('docs/guide').map((name) => `docs/guide/${name}`), 'deploy/README.md'].map((file) => ({
  file,
  text: readFileSync(file, 'utf8'),
}))
/** The commands of all pages, also of those inside of a list. */
const BLOCKS = PAGES.flatMap(({ file, text }) =>
  [...text.matchAll(/^( *)```sh\n([\s\S]*?)^\1```/gm)].map(([, indent = '', block = '']) => ({
    file,
    block: block.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
  })),
)
const LINES = BLOCKS.flatMap(({ file, block }) =>
  block
    .trim()
    .split('\n')
    .map((line) => [file, line] as const),
)

let folder: string

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'sluice-guide-'))
})

afterAll(() => {
  rmSync(folder, { recursive: true })
})

/** The lines that begin with a word; a guide that has none is a guide that is not read here. */
function linesOf(word: string): (readonly [string, string])[] {
  const lines = LINES.filter(([, line]) => line.startsWith(`${word} `))
  if (lines.length === 0) throw new Error(`no page has a ${word} command`)
  return lines
}

test.each(BLOCKS)('$file: bash can read $block', ({ block }) => {
  expect(spawnSync('bash', ['-n'], { input: block, encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' })
})

// What kubectl does not understand, it says before it looks for a server.
test.each(linesOf('kubectl'))('%s: kubectl understands %s', (_, line) => {
  for (const name of [...line.matchAll(/-f (\w\S*)/g)].map(([, file = '']) => file)) {
    if (!existsSync(name)) writeFileSync(path.join(folder, name), readFileSync('deploy/replace-kube-proxy.yaml'))
  }
  const command = line
    .replace('kubectl ', `kubectl --server=${NO_SERVER} --request-timeout=1s `)
    .replace('sluice.yaml', path.join(folder, 'sluice.yaml'))
  const env = { ...process.env, KUBECONFIG: '/dev/null', HOME: folder }
  const { stderr, status } = spawnSync('bash', ['-c', command], {
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  expect(stderr).toMatch(/127\.0\.0\.1:9.* refused/)
  expect(status).not.toBe(0)
})

test.each(linesOf('sed'))('%s: the manifest has what is edited by %s', (_, line) => {
  const target = path.join(folder, 'edited.yaml')
  execFileSync('bash', ['-c', line.replace('sluice.yaml', target)])
  const edited = readFileSync(target, 'utf8')
  expect(edited).not.toContain('.invalid')
  for (const [, before = '', after = ''] of line.matchAll(/s\|([^|]+)\|([^|]+)\|/g)) {
    expect(edited).toContain(after)
    expect(
      readFileSync(
        line.includes('beside') ? 'deploy/beside-kube-proxy.yaml' : 'deploy/replace-kube-proxy.yaml',
        'utf8',
      ),
    ).toContain(before)
  }
})

test.each(linesOf('npm'))('%s: package.json has the script of %s', (_, line) => {
  expect(Object.keys(manifest.scripts)).toContain(/^npm run ([\w:]+)/.exec(line)?.[1])
})

test('sluice has every command that is run in a pod', () => {
  const commands = LINES.flatMap(([, line]) => / -- sluice (.*)$/.exec(line)?.[1] ?? [])
  expect(commands.length).toBeGreaterThan(2)
  for (const command of commands) expect(parseCommandLine(command.split(' '))).toMatchObject({ kind: 'run' })
})

test.each(linesOf('sluice'))('%s: sluice takes %s', (_, line) => {
  expect(parseCommandLine(line.split(' ').slice(1))).toMatchObject({ kind: 'run' })
})

test.each(PAGES)('$file: its links lead somewhere', ({ file, text }) => {
  for (const [, target = ''] of text.matchAll(/\]\((?!https?:)([^)]*)\)/g)) {
    const [name = '', anchor] = target.split('#')
    const linked = name === '' ? file : path.join(path.dirname(file), name)
    expect(existsSync(linked), `${file} links ${target}`).toBe(true)
    if (anchor === undefined) continue
    const headings = [...readFileSync(linked, 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
      title
        .toLowerCase()
        .replaceAll(/[^\w -]/g, '')
        .replaceAll(' ', '-'),
    )
    expect(headings, `${file} links ${target}`).toContain(anchor)
  }
})

test('every file of deploy/ that a page names is there', () => {
  const named = PAGES.flatMap(({ text }) => [...text.matchAll(/\bdeploy\/[\w/.-]+\w/g)].map(([name]) => name))
  expect(named.length).toBeGreaterThan(10)
  expect([...new Set(named)].filter((name) => !existsSync(name))).toEqual([])
})
