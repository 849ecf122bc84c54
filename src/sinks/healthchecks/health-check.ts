import { FAMILIES, type Family, familyOf, type IpAddress } from '../../model/ip.ts'
import type { LocalService } from '../../model/local.ts'
import type { ServiceKey } from '../../model/service.ts'
import type { HttpAnswer } from '../../observe/http-listener.ts'

/** What load balancers may ask a node about one Service. */
export interface HealthCheck {
  /** 1 to 65535. */
  readonly port: number
  /** Pods on this node that take new connections, by the family of the address; undefined when the Service lacks it. */
  readonly localEndpoints: Readonly<Record<Family, number | undefined>>
}

/** Only a load balancer that keeps to the nodes with endpoints has health checks (core/v1 healthCheckNodePort). */
export function healthCheckOf({ service, endpoints }: LocalService): HealthCheck | undefined {
  const { type, externalTrafficPolicy, healthCheckNodePort: port } = service
  if (port === 0 || type !== 'LoadBalancer' || externalTrafficPolicy !== 'Local') return undefined
  const addresses = new Set<IpAddress>()
  // A pod counts once, however many ports it has; one that finishes what it serves does not count (promise 83).
  for (const { address, local, ready } of endpoints) if (local && ready) addresses.add(address)
  const counts: Record<Family, number | undefined> = { 4: undefined, 6: undefined }
  for (const ip of service.clusterIPs) counts[familyOf(ip)] = 0
  for (const address of addresses) {
    const count = counts[familyOf(address)]
    if (count !== undefined) counts[familyOf(address)] = count + 1
  }
  return { port, localEndpoints: counts }
}

/** Both ask for the same listeners. */
export function listensAlike(a: HealthCheck, b: HealthCheck): boolean {
  const has = (check: HealthCheck, family: Family) => check.localEndpoints[family] !== undefined
  return a.port === b.port && FAMILIES.every((family) => has(a, family) === has(b, family))
}

/** kube-proxy's answer to any path and method, to the letter (promise 82). */
export function healthCheckAnswer(key: ServiceKey, localEndpoints: number, isProxyHealthy: boolean): HttpAnswer {
  const [namespace = '', name = ''] = key.split('/', 2)
  const body = { service: { namespace, name }, localEndpoints, serviceProxyHealthy: isProxyHealthy }
  return {
    status: localEndpoints > 0 && isProxyHealthy ? 200 : 503,
    headers: {
      'Content-Type': 'application/json',
      'X-Content-Type-Options': 'nosniff',
      'X-Load-Balancing-Endpoint-Weight': String(localEndpoints),
    },
    body: JSON.stringify(body, undefined, '\t'),
  }
}
