import type { Section } from './section.ts'

/** A step in the life of the health servers of Services. */
export interface ServiceHealthStep {
  /** What happens, in words. */
  readonly event: string
  readonly note: string
  /** What the server answers; null when nothing listens. */
  readonly status: number | null
  /** Local endpoints that it tells of; null when nothing listens. */
  readonly localEndpoints: number | null
  /** Headers of every answer. */
  readonly headers: Readonly<Record<string, string>>
}

interface Data {
  readonly headers?: Readonly<Record<string, string>>
  readonly steps?: readonly (readonly [string, string, number | null, number | null])[]
}

export const serviceHealthServer: Section<ServiceHealthStep> = {
  promises: [82, 83, 84],
  rows(data) {
    const { headers = {}, steps = [] } = data as Data
    return steps.map(([event, note, status, localEndpoints], index) => ({
      id: `service-health-${index + 1}`,
      name: event,
      data: { event, note, status, localEndpoints, headers },
    }))
  },
}
