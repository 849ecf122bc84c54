import type { Protocol } from '../service.ts'
import type { Fields } from './fields.ts'

const PROTOCOLS: readonly Protocol[] = ['TCP', 'UDP', 'SCTP']

/**
 * A port's protocol; TCP when absent (core/v1).
 *
 * @returns undefined when it is something else, which is reported: the port cannot be used.
 */
export function readProtocol(port: Fields): Protocol | undefined {
  const value = port.raw('protocol')
  if (value === undefined || value === '' || value === 'TCP') return 'TCP'
  if (PROTOCOLS.includes(value as Protocol)) return value as Protocol
  return port.warn('protocol', 'TCP, UDP or SCTP (the port is not used)')
}

/** A port number from 1 to 65535; undefined, and reported, when it is missing or something else. */
export function readPortNumber(port: Fields, key: string): number | undefined {
  const value = port.raw(key)
  if (value === undefined) return port.warn(key, 'a whole number from 1 to 65535 (the port is not used)')
  return port.integer(key, 1, 65535)
}
