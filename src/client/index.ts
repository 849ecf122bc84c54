/**
 * A client of the local API that reconnects by itself, and then tells only what is different.
 *
 * @module sluice/client
 */
export { GrpcError, type GrpcErrorCode, isGrpcError } from '../grpc/error.ts'
export type { TlsFiles } from '../grpc/tls.ts'
export { LocalClient, type LocalClientOptions } from './local-client.ts'
export { type RunClientOptions, runClient } from './run-client.ts'
