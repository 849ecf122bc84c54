import { ZONE_LABEL } from '../node.ts'
import { HEADLESS_LABEL, PROXY_NAME_LABEL } from '../service.ts'

const GLOB = /[*?[{\\]/
const TOKEN = /\\.|\*+|\?|\[!?[^\]]+\]|./gs
const SPECIAL = /[\\^$.*+?()[\]{}|]/g

/** Whether a label or annotation with this key is kept. */
export type KeyFilter = (key: string) => boolean

/** Globs of the keys that are wanted beside those that Sluice reads itself; none where absent. */
export interface KeyGlobs {
  readonly serviceLabels?: readonly string[] | undefined
  readonly serviceAnnotations?: readonly string[] | undefined
  readonly nodeLabels?: readonly string[] | undefined
  readonly nodeAnnotations?: readonly string[] | undefined
}

/** Which labels and annotations of objects are kept; all others are forgotten as soon as they are read. */
export type KeptKeys = { readonly [of in keyof KeyGlobs]-?: KeyFilter }

/** Labels of Nodes that are kept unless others are asked for, as in KPNG. */
export const DEFAULT_NODE_LABELS: readonly string[] = [
  'kubernetes.io/hostname',
  ZONE_LABEL,
  'topology.kubernetes.io/region',
]

/** What Sluice reads itself, and what the globs ask for. @throws SyntaxError when one is no glob */
export function keptKeys(globs: KeyGlobs): KeptKeys {
  const filter = (own: readonly string[], given: readonly string[] = []) => anyOf([...own, ...given])
  return {
    serviceLabels: filter([PROXY_NAME_LABEL, HEADLESS_LABEL], globs.serviceLabels),
    serviceAnnotations: filter(['sluice.dev/*'], globs.serviceAnnotations),
    nodeLabels: filter([ZONE_LABEL], globs.nodeLabels),
    nodeAnnotations: filter([], globs.nodeAnnotations),
  }
}

/** Unless the command line says otherwise. */
export const DEFAULT_KEPT: KeptKeys = keptKeys({ nodeLabels: DEFAULT_NODE_LABELS })

const all = () => true

/** What another server told, it chose itself. */
export const EVERYTHING_KEPT: KeptKeys = {
  serviceLabels: all,
  serviceAnnotations: all,
  nodeLabels: all,
  nodeAnnotations: all,
}

function anyOf(globs: readonly string[]): KeyFilter {
  const exact = new Set(globs.filter((glob) => !GLOB.test(glob)))
  const others = globs.filter((glob) => GLOB.test(glob)).map(patternOf)
  return (key) => exact.has(key) || others.some((pattern) => pattern.test(key))
}

/**
 * As KPNG reads them: `*` is any text, with slashes, too; `?` one character; `[ab]` and `[!ab]` one of these or of all others; a
 * backslash takes the meaning from what follows. Alternatives in braces are several globs here.
 */
function patternOf(glob: string): RegExp {
  const source = glob.replaceAll(TOKEN, (token) => {
    if (token.startsWith('*')) return '.*'
    if (token === '?') return '.'
    if (token === '{') throw new SyntaxError(`${glob}: give each alternative as a glob of its own`)
    if (token.length > 2) return token.replaceAll('\\', '\\\\').replace(/^\[!/, '[^')
    return token.replace(/^\\(?=.)/s, '').replaceAll(SPECIAL, '\\$&')
  })
  return new RegExp(`^${source}$`, 's')
}
