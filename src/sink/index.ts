/**
 * How to write a data plane, or anything else that is to be kept in line with what a node must do for the cluster's Services.
 *
 * @module sluice/sink
 */
export { type KpngServiceEndpoints, kpngJson } from '../model/wire/kpng-json.ts'
export type { Contents } from '../model/wire/message.ts'
export { type Difference, DiffStore } from './diff-store.ts'
export { type FullState, fullState } from './full-state.ts'
export type { SinkApplied, SinkFailed, SinkHealth, SinkHooks } from './hooks.ts'
export { type IncrementalListener, incremental } from './incremental.ts'
export type { Pace } from './lane.ts'
export type { LocalView, LocalViewChanges } from './local-view.ts'
export { SinkRunner, type SinkRunnerOptions } from './runner.ts'
export type { Sink, SinkChanges } from './sink.ts'
export { writeAtomically } from './write-atomically.ts'
