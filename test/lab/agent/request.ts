import { requestHttp, serveHttp } from './http.ts'
import type { Protocol, RequestSpec, RequestsSpec, Result, ServeSpec } from './protocol.ts'
import { requestSctp, serveSctp } from './sctp.ts'
import type { RunningServer } from './server.ts'
import { requestTcp, serveTcp } from './tcp.ts'
import { requestUdp, serveUdp } from './udp.ts'

const requesters: Record<Protocol, (spec: RequestSpec) => Promise<Result>> = {
  tcp: requestTcp,
  http: requestHttp,
  udp: requestUdp,
  sctp: requestSctp,
}

const servers: Record<Protocol, (spec: ServeSpec) => Promise<RunningServer>> = {
  tcp: serveTcp,
  http: serveHttp,
  udp: serveUdp,
  sctp: serveSctp,
}

/** Starts a server. */
export function serve(spec: ServeSpec): Promise<RunningServer> {
  return servers[spec.protocol](spec)
}

/** Makes one request. */
export function request(spec: RequestSpec): Promise<Result> {
  return requesters[spec.protocol](spec)
}

/** Makes many requests, a few at a time; results are in the order of sending. */
export async function requests(spec: RequestsSpec): Promise<Result[]> {
  const results: Result[] = new Array<Result>(spec.count)
  let next = 0
  const lane = async () => {
    while (next < spec.count) {
      const index = next++
      results[index] = await request(spec)
    }
  }
  await Promise.all(Array.from({ length: spec.concurrency ?? 1 }, lane))
  return results
}
