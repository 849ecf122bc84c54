import type { LocalEndpoint } from '../local.ts'

/**
 * The last part of each endpoint's path: the pod's name as in KPNG, when it is the Service's only endpoint of that pod. A pod
 * with addresses of both families has two, and they are told apart by the address; so are those that are no pods. Keys have
 * neither `/` nor `|`, and each is there once.
 */
export function endpointKeys(endpoints: readonly LocalEndpoint[]): string[] {
  const perPod = new Map<string, number>()
  for (const { podName } of endpoints) perPod.set(podName, (perPod.get(podName) ?? 0) + 1)
  const taken = new Map<string, number>()
  return endpoints.map(({ podName, address }) => {
    const key = podName === '' ? address : perPod.get(podName) === 1 ? podName : `${podName},${address}`
    const before = taken.get(key) ?? 0
    taken.set(key, before + 1)
    return before === 0 ? key : `${key},${before}`
  })
}
