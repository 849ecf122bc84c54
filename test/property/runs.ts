import type { Parameters } from 'fast-check'

/**
 * How a property is run: as often as told here, or a multiple of it when the environment has `PROPERTY_FACTOR=100`. A
 * failure prints its seed and path; `PROPERTY_SEED` and `PROPERTY_PATH` run it again.
 */
export function runs<T>(numRuns: number): Parameters<T> {
  const { PROPERTY_FACTOR: factor, PROPERTY_SEED: seed, PROPERTY_PATH: path } = process.env
  return {
    numRuns: Math.ceil(numRuns * Number(factor ?? 1)),
    ...(seed === undefined ? undefined : { seed: Number(seed) }),
    ...(path === undefined ? undefined : { path }),
  }
}

/** Milliseconds for a test whose property usually takes this many. */
export function patience(usually: number): number {
  return usually * 20 * Math.max(1, Number(process.env['PROPERTY_FACTOR'] ?? 1))
}
