import { describe, expect, it } from 'vitest'
import { ClassTable, dispatchVerdict, postVerdict, type Treatment } from './classes.ts'
import { MAX_CLASS } from './layout.ts'

const three: Treatment = { slots: 3, whenEmpty: 'reject', masquerade: 'always' }
const empty: Treatment = { slots: 0, whenEmpty: 'reject', masquerade: 'always' }

describe('a treatment', () => {
  it.each<[string, Treatment, string, string | undefined]>([
    ['with endpoints', three, 'pick-3', 'masquerade-all'],
    ['off the cluster', { ...three, masquerade: 'off-cluster' }, 'pick-3', 'masquerade-off-cluster'],
    ['without endpoints', empty, 'no-endpoints', undefined],
    ['without local endpoints', { ...empty, whenEmpty: 'drop' }, 'no-local-endpoints', undefined],
  ])('%s', (_, treatment, dispatch, post) => {
    expect(dispatchVerdict(treatment)).toEqual({ kind: 'goto', chain: dispatch })
    expect(postVerdict(treatment)).toEqual(post && { kind: 'jump', chain: post })
  })
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
    classes.adopt(1, { dispatch: dispatchVerdict(empty), post: undefined })
    classes.adopt(7, { dispatch: dispatchVerdict(three), post: postVerdict(three) })
    // The same again, and the same number for something else, do not count.
    classes.adopt(8, { dispatch: dispatchVerdict(three), post: postVerdict(three) })
    classes.adopt(7, { dispatch: { kind: 'drop' }, post: undefined })
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
    classes.adopt(index, { dispatch: { kind: 'goto', chain }, post: undefined })
    expect([...classes.entries()]).toEqual([])
  })

  it('tells which pick chains its classes lead to', () => {
    const classes = new ClassTable()
    for (const slots of [0, 3, 42]) classes.indexOf({ ...three, slots })
    expect([...classes.picks()]).toEqual([3, 42])
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
