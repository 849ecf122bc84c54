import fc from 'fast-check'
import { expect, test } from 'vitest'
import { DiffStore } from './diff-store.ts'

test('what is not committed is different again', () => {
  const store = new DiffStore<{ port: number }>()
  const first = store.difference([
    ['a', { port: 1 }],
    ['b', { port: 2 }],
  ])
  expect(first).toEqual({
    set: new Map([
      ['a', { port: 1 }],
      ['b', { port: 2 }],
    ]),
    deleted: new Map(),
  })
  store.commit({ set: new Map([['a', { port: 1 }]]), deleted: new Map() })
  expect(
    store.difference([
      ['a', { port: 1 }],
      ['b', { port: 2 }],
    ]).set,
  ).toEqual(new Map([['b', { port: 2 }]]))
  expect(store.difference([]).deleted).toEqual(new Map([['a', { port: 1 }]]))
})

test('the difference leads from any entries to any others, and from the same to nothing', () => {
  const entries = fc.dictionary(
    fc.constantFrom('a', 'b', 'c', 'd'),
    fc.nat({ max: 2 }).map((x) => ({ x })),
  )
  fc.assert(
    fc.property(fc.array(entries, { minLength: 1 }), (states) => {
      const store = new DiffStore<{ x: number }>()
      for (const state of states) {
        const before = new Map(store.entries())
        const { set, deleted } = store.difference(Object.entries(state))
        for (const [key, value] of deleted) expect(before.get(key)).toEqual(value)
        for (const [key, value] of set) expect(before.get(key)).not.toEqual(value)
        store.commit({ set, deleted })
        expect(new Map(store.entries())).toEqual(new Map(Object.entries(state)))
        expect(store.difference(Object.entries(state))).toEqual({ set: new Map(), deleted: new Map() })
      }
    }),
  )
})
