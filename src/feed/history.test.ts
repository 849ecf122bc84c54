import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { History, HistoryReader } from './history.ts'

/** What happens: a revision with changes, or a reader looks, or comes anew. */
type Step =
  | { readonly kind: 'record'; readonly values: readonly (readonly [string, number | undefined])[] }
  | { readonly kind: 'read' | 'reopen'; readonly reader: number }

const READERS = 4
const value = fc.tuple(fc.constantFrom('a', 'b', 'c', 'd'), fc.oneof(fc.nat(3), fc.constant(undefined)))
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('record' as const), values: fc.array(value, { maxLength: 3 }) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('read' as const), reader: fc.nat(READERS - 1) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reopen' as const), reader: fc.nat(READERS - 1) }) },
)

/** A reader, and what it knows. */
interface Known {
  readonly reader: HistoryReader
  known: Map<string, number>
  isOpen: boolean
}

function present(history: History<number>): Map<string, number> {
  return new Map([...history.keys()].map((key) => [key, history.get(key) ?? Number.NaN]))
}

/** Tells a reader, and checks that it is told the truth about before and now. */
function read(history: History<number>, of: Known): void {
  const changes = of.isOpen ? history.changes(of.reader) : undefined
  if (changes === undefined) of.known = present(history)
  for (const { key, before, now } of changes ?? []) {
    expect(before).toBe(of.known.get(key))
    if (now === undefined) of.known.delete(key)
    else of.known.set(key, now)
  }
  of.isOpen = true
  history.advance(of.reader)
  expect([...of.known].sort()).toEqual([...present(history)].sort())
}

describe('History', () => {
  it('leads every reader to the present state, whenever it looked last', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const history = new History<number>()
        const readers = Array.from({ length: READERS }, (): Known => {
          return { reader: new HistoryReader(), known: new Map(), isOpen: false }
        })
        for (const one of steps) {
          if (one.kind === 'record') history.record(one.values)
          else {
            const reader = readers[one.reader]
            if (reader === undefined) throw new Error('no such reader')
            if (one.kind === 'read') read(history, reader)
            else {
              history.close(reader.reader)
              reader.isOpen = false
            }
          }
        }
        for (const reader of readers) read(history, reader)
        expect(history.versionCount).toBe([...history.keys()].length)
      }),
    )
  })

  it('tells a change only once, and only the last of several', () => {
    const history = new History<number>()
    const reader = new HistoryReader()
    history.record([['a', 1]])
    history.advance(reader)
    history.record([['a', 2]])
    history.record([['a', 3]])
    expect(history.changes(reader)).toEqual([{ key: 'a', before: 1, now: 3 }])
    history.advance(reader)
    expect(history.changes(reader)).toEqual([])
  })

  it('keeps one version for a reader that stopped, however much changes', () => {
    const history = new History<number>()
    const [stopped, fast] = [new HistoryReader(), new HistoryReader()]
    history.record([['a', 0]])
    history.advance(stopped)
    for (let i = 1; i <= 10_000; i++) {
      history.record([['a', i]])
      history.advance(fast)
    }
    expect(history.versionCount).toBeLessThan(10)
    expect(history.changes(stopped)).toEqual([{ key: 'a', before: 0, now: 10_000 }])
    history.close(stopped)
    expect(history.versionCount).toBe(1)
  })

  it('tells a reader to begin anew rather than keep a version for each of very many', () => {
    const history = new History<number>()
    const readers = Array.from({ length: 100 }, (_, i) => {
      history.record([['a', i]])
      const reader = new HistoryReader()
      history.advance(reader)
      return reader
    })
    expect(history.versionCount).toBeLessThan(40)
    expect(readers[0] && history.changes(readers[0])).toBeUndefined()
    expect(readers[98] && history.changes(readers[98])).toEqual([{ key: 'a', before: 98, now: 99 }])
  })

  it('remembers nothing when nobody reads', () => {
    const history = new History<number>()
    for (let i = 0; i < 100; i++)
      history.record([
        [`k${i}`, i],
        [`k${i - 1}`, undefined],
      ])
    expect(history.versionCount).toBe(1)
  })
})
