import { decode } from './decode.ts'
import { encode } from './encode.ts'
import type { FeedRequest } from './feed.ts'
import { GLOBAL_WATCH_REQ, WATCH_REQ } from './messages.ts'

/** gRPC methods of the two APIs. */
export const WATCH_METHOD = { local: '/localv1.Sets/Watch', global: '/globalv1.Sets/Watch' } as const

export type Api = keyof typeof WATCH_METHOD

const REQUEST = { local: WATCH_REQ, global: GLOBAL_WATCH_REQ } as const

/** A request for a change set, of a client that understands the additions. */
export function watchRequest(api: Api, nodeName: string): Uint8Array {
  return encode(REQUEST[api], { nodename: nodeName, withadditions: true })
}

/** @throws WireError when the bytes are no request */
export function readWatchRequest(api: Api, bytes: Uint8Array): FeedRequest {
  const { nodename = '', withadditions } = decode(REQUEST[api], bytes) as { nodename?: string; withadditions?: boolean }
  return { nodeName: nodename, dialect: withadditions === true ? 'additions' : 'kpng' }
}
