/**
 * The vocabulary: what a Service, an endpoint and a node are here, and what one node must do for a Service.
 *
 * @module sluice/model
 */
export type { EndpointPort } from './endpoint-slice.ts'
export {
  type Cidr,
  cidrContains,
  FAMILIES,
  type Family,
  familyOf,
  firstAddress,
  type IpAddress,
  ipBytes,
  ipFromBytes,
  parseCidr,
  parseIp,
  prefixLength,
} from './ip.ts'
export { type EndpointScopes, type LocalEndpoint, type LocalService, portKey } from './local.ts'
export type { Node } from './node.ts'
export type { Problem } from './object.ts'
export {
  type Protocol,
  type Service,
  type ServiceKey,
  type ServicePort,
  type ServiceType,
  serviceKey,
  type TrafficPolicy,
} from './service.ts'
