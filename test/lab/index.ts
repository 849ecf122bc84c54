export type {
  Answer,
  ConnectSpec,
  LoadReport,
  LoadSpec,
  Outcome,
  Protocol,
  RequestSpec,
  RequestsSpec,
  Result,
  ServeSpec,
} from './agent/protocol.ts'
export { now, type UntilOptions, until } from './clock.ts'
export { LabError, type LabErrorCode } from './error.ts'
export type { Connection, Load, Server } from './handles.ts'
export { type ClientOptions, Lab, type NodeOptions, type Route, type RouterOptions } from './lab.ts'
export type { Namespace, NamespaceOptions } from './namespace.ts'
export type { Attachment, Network } from './network.ts'
export type { LabNode, Pod, PodOptions } from './node.ts'
export type { ExecOptions, ExecResult } from './processes.ts'
export { type LabSupport, labSupport } from './support.ts'
