/** A straight line through points, by least squares. */
export interface LinearFit {
  /** Of y for each x. */
  readonly slope: number
  /** The slope's standard error; NaN for fewer than three points. It takes the points' errors for independent. */
  readonly standardError: number
}

/** NaN for points that are all at one x. */
export function linearFit(points: readonly (readonly [x: number, y: number])[]): LinearFit {
  const count = points.length
  const mean = (index: 0 | 1) => points.reduce((sum, point) => sum + point[index], 0) / count
  const [meanX, meanY] = [mean(0), mean(1)]
  const spread = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0)
  const slope = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0) / spread
  const rest = points.reduce((sum, [x, y]) => sum + (y - meanY - slope * (x - meanX)) ** 2, 0)
  return { slope, standardError: count < 3 ? Number.NaN : Math.sqrt(rest / (count - 2) / spread) }
}
