/** Whether a client understands additions to KPNG's API. */
export type Dialect = 'kpng' | 'additions'

/** What one stream asks for. */
export interface FeedRequest {
  /** Whose state; empty for a client of the global API, and for one that names no node. */
  readonly nodeName: string
  readonly dialect: Dialect
}

/** How one stream is told of the cluster's state. */
export interface FeedReader {
  /** True when there is certainly nothing to tell whoever asks for this. */
  isCurrent(request: FeedRequest): boolean

  /**
   * The framed operations of the next change set, as of now. Once it was asked for, the stream counts as having been told.
   *
   * @returns undefined when there is nothing new for this stream, or nothing is to be told yet
   */
  next(request: FeedRequest): Iterable<Uint8Array> | undefined

  /** Nothing is remembered for this stream any more. */
  close(): void
}
