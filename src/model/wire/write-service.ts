import type { Service, ServicePort } from '../service.ts'
import { ipSet } from './addresses.ts'
import type { Contents } from './message.ts'
import { PROTOCOL } from './sets.ts'

/** A Service as localv1.Service. Everything that a Service has is in it, but for the order of addresses and ranges. */
export function serviceMessage(service: Service): Contents {
  const affinity = service.clientIPAffinitySeconds
  return {
    namespace: service.namespace,
    name: service.name,
    type: service.type,
    ips: {
      clusterips: ipSet(service.clusterIPs),
      externalips: ipSet(service.externalIPs),
      headless: service.clusterIPs.length === 0,
      loadbalancerips: ipSet(service.loadBalancerIPs),
    },
    ports: service.ports.map(portMapping),
    externaltraffictolocal: service.externalTrafficPolicy === 'Local',
    labels: service.labels,
    annotations: service.annotations,
    ipfilters: ipFilters(service),
    sessionaffinity: affinity === undefined ? undefined : { clientip: { timeoutseconds: affinity } },
    internaltraffictolocal: service.internalTrafficPolicy === 'Local',
    healthchecknodeport: service.healthCheckNodePort,
    creationtimestamp: service.creationTimestamp,
  }
}

function portMapping({ name, protocol, port, nodePort, targetPort }: ServicePort): Contents {
  return {
    name,
    protocol: PROTOCOL[protocol],
    port,
    nodeport: nodePort,
    targetport: typeof targetPort === 'number' ? targetPort : 0,
    targetportname: typeof targetPort === 'string' ? targetPort : '',
  }
}

/** As KPNG makes it: one filter, for the load-balancer addresses. */
function ipFilters({ loadBalancerIPs, loadBalancerSourceRanges }: Service): readonly Contents[] {
  if (loadBalancerSourceRanges.length === 0) return []
  return [{ targetips: ipSet(loadBalancerIPs), sourceranges: [...loadBalancerSourceRanges].sort() }]
}
