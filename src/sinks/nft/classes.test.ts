import { describe, expect, it } from 'vitest'
import { ClassTable, type Treatment, verdictsOf } from './classes.ts'
import { MAX_CLASS } from './layout.ts'

const three: Treatment = {
  slots: 3,
  whenEmpty: 'reject',
  masquerade: 'always',
  isShortCircuited: false,
  isRestricted: false,
  affinitySeconds: 0,
}
const empty: Treatment = { ...three, slots: 0 }
const local: Treatment = { ...three, masquerade: 'from-node', isShortCircuited: true }

describe('a treatment', () => {
  it.each<[string, Treatment, string, string, string | undefined]>([
    ['with endpoints', three, 'pick-3', 'pick-3', 'masquerade-all'],
    ['off the cluster', { ...three, masquerade: 'off-cluster' }, 'pick-3', 'pick-3', 'masquerade-off-cluster'],
    ['without endpoints', empty, 'no-endpoints', 'no-endpoints', undefined],
    ['without local endpoints', { ...empty, whenEmpty: 'drop' }, 'drop-connection', 'drop-connection', undefined],
    ['short-circuited', local, 'short-circuit', 'pick-3', 'masquerade-from-node'],
    [
      'short-circuited, none here',
      { ...local, slots: 0, whenEmpty: 'drop' },
      'short-circuit',
      'drop-connection',
      'masquerade-from-node',
    ],
  ])('%s', (_, treatment, dispatch, pick, post) => {
    expect(verdictsOf(treatment)).toEqual({
      allowed: undefined,
      input: undefined,
      dispatch: { kind: 'goto', chain: dispatch },
      pick: { kind: 'goto', chain: pick },
      post: post && { kind: 'jump', chain: post },
    })
  })
})

it('a restricted treatment does the same behind the check of the source', () => {
  const { dispatch, allowed, pick } = verdictsOf({ ...local, isRestricted: true })
  expect([dispatch, allowed, pick]).toEqual([
    { kind: 'goto', chain: 'source-ranges' },
    { kind: 'goto', chain: 'short-circuit' },
    { kind: 'goto', chain: 'pick-3' },
  ])
})

describe('ClassTable', () => {
  it('gives one number to treatments that come to the same', () => {
    const classes = new ClassTable()
    expect(classes.indexOf(three)).toEqual({ index: 1, isNew: true })
    expect(classes.indexOf({ ...three, whenEmpty: 'drop' })).toEqual({ index: 1, isNew: false })
    expect(classes.indexOf(empty)).toEqual({ index: 2, isNew: true })
    expect(classes.indexOf({ ...empty, masquerade: 'off-cluster' })).toEqual({ index: 2, isNew: false })
  })

  it('takes over what is in the kernel, and gives other numbers to the rest', () => {
    const classes = new ClassTable()
    classes.adopt(1, verdictsOf(empty))
    classes.adopt(7, verdictsOf(three))
    // The same again, and the same number for something else, do not count.
    classes.adopt(8, verdictsOf(three))
    classes.adopt(7, { ...verdictsOf(local), dispatch: { kind: 'drop' } })
    expect(classes.indexOf(three)).toEqual({ index: 7, isNew: false })
    expect(classes.indexOf(empty)).toEqual({ index: 1, isNew: false })
    expect(classes.indexOf({ ...three, slots: 4 })).toEqual({ index: 2, isNew: true })
    expect([...classes.entries()].map(([index]) => index)).toEqual([1, 7, 2])
  })

  it.each<[string, number, string]>([
    ['a chain that no pool has', 1, 'pick-33'],
    ['a chain by another name', 1, 'pick-042'],
    ['a foreign chain', 1, 'foreign'],
    ['number 0, which means that there is none', 0, 'pick-3'],
    ['a number that is too large', MAX_CLASS + 1, 'pick-3'],
  ])('does not take over %s', (_, index, chain) => {
    const classes = new ClassTable()
    const verdict = { kind: 'goto', chain } as const
    classes.adopt(index, { dispatch: verdict, allowed: undefined, pick: verdict, post: undefined, input: undefined })
    expect([...classes.entries()]).toEqual([])
  })

  it('tells which chains its classes need, those that are led to first', () => {
    const classes = new ClassTable()
    for (const slots of [0, 3, 42]) classes.indexOf({ ...three, slots })
    expect([...classes.chains()]).toEqual(['pick-42'])
    classes.indexOf({ ...three, affinitySeconds: 60 })
    classes.indexOf({ ...local, slots: 42, affinitySeconds: 5 })
    expect([...classes.chains()]).toEqual([
      'pick-42',
      'affinity-3',
      'learn-60',
      'learn-60-always',
      'affinity-42',
      'learn-5',
      'learn-5-all-endpoints',
      'learn-5-local',
      'learn-5-from-node',
    ])
  })

  it('takes over classes with affinity', () => {
    for (const treatment of [three, local, { ...local, slots: 0 }]) {
      const classes = new ClassTable()
      classes.adopt(9, verdictsOf({ ...treatment, affinitySeconds: 10800 }))
      expect(classes.indexOf({ ...treatment, affinitySeconds: 10800 })).toEqual({ index: 9, isNew: false })
    }
  })

  it('gives the numbers of forgotten classes to others', () => {
    const classes = new ClassTable()
    for (const slots of [1, 2, 3]) classes.indexOf({ ...three, slots })
    classes.keepOnly(new Set([2]))
    expect(classes.indexOf({ ...three, slots: 2 })).toEqual({ index: 2, isNew: false })
    expect(classes.indexOf({ ...three, slots: 9 })).toEqual({ index: 1, isNew: true })
    expect(classes.indexOf({ ...three, slots: 8 })).toEqual({ index: 3, isNew: true })
  })

  it('has no class left when all numbers are in use', () => {
    const classes = new ClassTable()
    for (let slots = 1; slots <= MAX_CLASS; slots++) classes.indexOf({ ...three, slots })
    expect(classes.indexOf(empty)).toBeUndefined()
  })
})
