import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { FIELDS } from './fields.ts'

const page = readFileSync(new URL('../../../../docs/reference/api-server.md', import.meta.url), 'utf8')

test.each([
  ['File', FIELDS.kubeconfig],
  ['Context', FIELDS.context],
  ['Cluster', FIELDS.cluster],
  ['User', FIELDS.user],
  ['Credential plugin', FIELDS.exec],
  ['OpenID Connect', FIELDS.oidc],
])('docs/reference/api-server.md has every field of "%s", and no other', (title, fields) => {
  const [, section = ''] = page.split(`### ${title}\n`)
  const [own = ''] = section.split(/^#/m)
  const documented = [...own.matchAll(/^\| `([\w-]+)` \|/gm)].map(([, field]) => field)
  expect(documented.sort()).toEqual([...fields].sort())
})
