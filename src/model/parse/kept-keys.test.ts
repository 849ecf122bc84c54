import { expect, test } from 'vitest'
import { DEFAULT_KEPT, keptKeys } from './kept-keys.ts'

test.each<[glob: string, kept: readonly string[], forgotten: readonly string[]]>([
  ['app', ['app'], ['application', 'my-app', 'App']],
  ['app.kubernetes.io/*', ['app.kubernetes.io/name', 'app.kubernetes.io/a/b'], ['app_kubernetes.io/name', 'app']],
  ['*', ['a', 'a/b', ''], []],
  ['?b', ['ab'], ['b', 'aab']],
  ['[ab]x', ['ax', 'bx'], ['cx', '[ab]x']],
  ['[!ab]x', ['cx'], ['ax']],
  ['a\\*b', ['a*b'], ['axb']],
  ['a+(b)|c', ['a+(b)|c'], ['aab', 'c']],
])('%s', (glob, kept, forgotten) => {
  const { nodeAnnotations } = keptKeys({ nodeAnnotations: [glob] })
  expect(kept.filter((key) => !nodeAnnotations(key))).toEqual([])
  expect(forgotten.filter(nodeAnnotations)).toEqual([])
})

test('what is no glob is refused', () => {
  expect(() => keptKeys({ nodeLabels: ['{a,b}'] })).toThrow(SyntaxError)
  expect(() => keptKeys({ nodeLabels: ['[z-a]'] })).toThrow(SyntaxError)
})

test('what Sluice reads itself is always kept', () => {
  const { serviceLabels, serviceAnnotations, nodeLabels, nodeAnnotations } = keptKeys({})
  const names = ['service.kubernetes.io/service-proxy-name', 'service.kubernetes.io/headless']
  expect(names.filter((name) => !serviceLabels(name))).toEqual([])
  expect(nodeLabels('topology.kubernetes.io/zone')).toBe(true)
  expect(serviceAnnotations('sluice.dev/mode')).toBe(true)
  expect([serviceLabels('app'), nodeLabels('kubernetes.io/os'), nodeAnnotations('a')]).toEqual([false, false, false])
})

test('unless told otherwise, the labels of Nodes that KPNG keeps are kept', () => {
  expect(DEFAULT_KEPT.nodeLabels('topology.kubernetes.io/region')).toBe(true)
  expect(DEFAULT_KEPT.nodeLabels('kubernetes.io/hostname')).toBe(true)
})
