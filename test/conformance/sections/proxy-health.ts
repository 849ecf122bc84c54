import type { Section } from './section.ts'

/** A step in the life of /healthz, or a node of which it is asked. */
export type ProxyHealthRow =
  | { readonly kind: 'step'; readonly event: string; readonly status: number }
  | { readonly kind: 'node'; readonly node: string; readonly path: string; readonly status: number }

interface Data {
  readonly steps?: readonly (readonly [string, number])[]
  readonly nodeEligibility?: readonly (readonly [string, string, number])[]
}

export const proxyHealth: Section<ProxyHealthRow> = {
  promises: [85, 86, 87],
  rows(data) {
    const { steps = [], nodeEligibility = [] } = data as Data
    return [
      ...steps.map(([event, status], index) => {
        return { id: `proxy-health-${index + 1}`, name: event, data: { kind: 'step', event, status } as const }
      }),
      ...nodeEligibility.map(([node, path, status], index) => ({
        id: `node-eligibility-${index + 1}`,
        name: `/${path}: ${node}`,
        data: { kind: 'node', node, path, status } as const,
      })),
    ]
  },
}
