import type { Manifest } from '../../sluice/manifests.ts'
import type { Case, CaseFile, Probe } from './case.ts'
import { readEnv } from './env.ts'
import { readObjects } from './objects.ts'
import { readProbe } from './probe.ts'
import type { Value } from './value.ts'

/** The facts of kube-proxy, as scenarios and sections. */
export const PACKET_FLOW_FORMAT = 'kube-proxy-packet-flow/1'

const NOT_SECTIONS = ['format', 'about', 'defaultEnv', 'scenarios']

/**
 * Reads facts of kube-proxy: every scenario becomes a case with the steps of the extended format.
 *
 * @param promisesOf which promises a scenario shows
 */
export function readPacketFlow(
  file: Value,
  name: string,
  promisesOf: (scenario: string) => readonly number[],
): CaseFile {
  const defaultEnv = readEnv(file.get('defaultEnv'))
  const cases = file
    .get('scenarios')
    .list()
    .map((scenario, index) => {
      const id = scenario.get('id').optional((value) => value.text()) ?? `${name}-${index + 1}`
      return readScenario(scenario, id, { file: name, promises: promisesOf(id), env: defaultEnv })
    })
  const sections = Object.entries(file.object())
    .filter(([key]) => !NOT_SECTIONS.includes(key))
    .map(([section, data]) => ({ section, file: name, data }))
  return { cases, sections }
}

function readScenario(value: Value, id: string, common: Pick<Case, 'file' | 'promises' | 'env'>): Case {
  const objects = readObjects({ services: value.get('services'), endpointSlices: value.get('endpointSlices') })
  const probes = value
    .get('probes')
    .list()
    .map((probe, index) => withAffinity(readProbe(probe, { id: `${id}/${index + 1}` }), objects))
  return {
    ...common,
    id,
    title: value.get('name').optional((name) => name.text()) ?? id.replaceAll('-', ' '),
    env: readEnv(value.get('env'), common.env),
    steps: [
      { kind: 'apply', value: { set: objects, delete: [] } },
      { kind: 'probes', value: probes },
    ],
    declined: '',
    later: '',
    needs: '',
    shownBy: undefined,
  }
}

interface ServiceShape {
  spec?: {
    sessionAffinity?: string
    clusterIP?: string
    clusterIPs?: string[]
    externalIPs?: string[]
    ports?: { port: number; nodePort?: number; protocol?: string }[]
  }
  status?: { loadBalancer?: { ingress?: { ip?: string }[] } }
}

/** A client of a Service with affinity gets one of the expected endpoints, not all in turn. */
function withAffinity(probe: Probe, objects: readonly Manifest[]): Probe {
  const sticks = objects.some((object) => {
    const { spec, status } = object as ServiceShape
    if (spec?.sessionAffinity !== 'ClientIP') return false
    const ingress = status?.loadBalancer?.ingress?.map(({ ip }) => ip) ?? []
    const addresses = [spec.clusterIP, ...(spec.clusterIPs ?? []), ...(spec.externalIPs ?? []), ...ingress]
    return spec.ports?.some(
      ({ port, nodePort, protocol = 'TCP' }) =>
        protocol === probe.protocol &&
        (nodePort === probe.port || (port === probe.port && addresses.includes(probe.destination))),
    )
  })
  return sticks ? { ...probe, sameEndpoint: true } : probe
}
