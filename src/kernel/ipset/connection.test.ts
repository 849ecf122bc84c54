import { describe, expect, it } from 'vitest'
import { ScriptedKernel } from '../../../test/fixtures/scripted-kernel.ts'
import { IpsetConnection } from './connection.ts'

describe('IpsetConnection', () => {
  it('finds no sets where the kernel has no ip_set', () => {
    expect(new IpsetConnection(new ScriptedKernel(() => ({ errno: -22 }))).names()).toEqual([])
  })

  it('does not take another failure for that', () => {
    const ipset = new IpsetConnection(new ScriptedKernel(() => ({ errno: -1 })))
    expect(() => ipset.names()).toThrow(expect.objectContaining({ errno: 'EPERM' }))
  })
})
