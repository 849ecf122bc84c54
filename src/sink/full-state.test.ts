import { expect, test } from 'vitest'
import { local, node, service } from '../../test/fixtures/services.ts'
import { type FullState, fullState } from './full-state.ts'
import type { SinkChanges } from './sink.ts'

const of = (...names: string[]): SinkChanges['services'] =>
  new Map(names.map((name) => [local(service(name)).key, local(service(name))]))
const none = { isFirst: false, node: undefined, serviceCIDRs: undefined }

test('the whole state comes in order at each change, again after a failure, and keeps what did not change', async () => {
  const states: FullState[] = []
  let failing = false
  const sink = fullState('x', (state) => {
    if (failing) throw new Error('no')
    states.push(state)
  })
  await sink.apply({ ...none, revision: 1, isFirst: true, services: of('b', 'a'), node: node('n') })
  failing = true
  const gone: SinkChanges = { ...none, revision: 2, services: new Map([[local(service('a')).key, undefined]]) }
  await expect(sink.apply(gone)).rejects.toThrow('no')
  failing = false
  await sink.apply({ ...gone, revision: 3, services: new Map([...gone.services, ...of('c')]) })
  await sink.apply({ ...none, revision: 4, services: new Map(), node: null })
  expect(states.map(({ revision, services }) => [revision, ...services.map(({ key }) => key)])).toEqual([
    [1, 'default/a', 'default/b'],
    [3, 'default/b', 'default/c'],
    [4, 'default/b', 'default/c'],
  ])
  expect(states.map(({ changed }) => [...changed])).toEqual([
    ['default/b', 'default/a'],
    ['default/a', 'default/c'],
    [],
  ])
  expect(states.map((state) => state.node?.name)).toEqual(['n', 'n', undefined])
})
