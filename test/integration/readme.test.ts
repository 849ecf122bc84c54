import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Lab, type LabNode } from '../lab/index.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const blocks = [...readFileSync(`${root}/README.md`, 'utf8').matchAll(/^```sh\n([\s\S]*?)^```/gm)].map(
  ([, text = '']) => text,
)

let lab: Lab
let node: LabNode

beforeAll(async () => {
  lab = await Lab.create()
  node = await lab.node('node-1', { addresses: ['192.168.50.11/24'] })
})

afterAll(async () => {
  await lab.close()
})

test('the README has commands', () => {
  expect(blocks.length).toBeGreaterThan(3)
})

test.each(blocks.map((block) => [block.trim().split('\n').at(-1) ?? '', block]))(
  'the README is right: %s',
  async (_, block) => {
    const { code, stdout, stderr } = await node.exec('bash', ['-euo', 'pipefail', '-c', block], {
      cwd: root,
      allowFailure: true,
      timeoutMs: 120_000,
    })
    expect(code, `${stdout}\n${stderr}`).toBe(0)
    if (block.includes('nft list ruleset')) expect(stdout).toContain('shop/storefront:http')
    if (block.includes('npm run demo')) expect(stdout).toContain('Every request was answered as it should.')
  },
  130_000,
)
