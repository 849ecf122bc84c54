import { durationOf } from '../duration.ts'
import { type KubeProxyConfiguration, modeOf } from './configuration.ts'
import { isDualStackPair } from './value-types.ts'

/** What is wrong with fields that are right each by itself, as kube-proxy checks it: `FIELD: VALUE must be ...`; empty when nothing is. */
export function faultsOf(configuration: KubeProxyConfiguration): string[] {
  return [...periodFaults(configuration), ...detectLocalFaults(configuration)]
}

/** Only of the section that counts. */
export function periodFaults(configuration: KubeProxyConfiguration): string[] {
  const mode = modeOf(configuration)
  const { syncPeriod, minSyncPeriod } = configuration[mode]
  if ((durationOf(syncPeriod) ?? 0) >= (durationOf(minSyncPeriod) ?? 0)) return []
  return [`${mode}.syncPeriod: "${syncPeriod}" must be at least ${mode}.minSyncPeriod, which is ${minSyncPeriod}`]
}

function detectLocalFaults({ detectLocalMode: mode, detectLocal, clusterCIDR }: KubeProxyConfiguration): string[] {
  switch (mode) {
    case 'BridgeInterface':
      return detectLocal.bridgeInterface === '' ? [missing('bridgeInterface', mode)] : []
    case 'InterfaceNamePrefix':
      return detectLocal.interfaceNamePrefix === '' ? [missing('interfaceNamePrefix', mode)] : []
    case 'ClusterCIDR':
      if (clusterCIDR === '' || isDualStackPair(clusterCIDR)) return []
      return [`clusterCIDR: "${clusterCIDR}" must be one CIDR, or one of each family with a comma between`]
    case 'NodeCIDR':
    case '':
      return []
  }
}

function missing(name: string, mode: string): string {
  return `detectLocal.${name}: "" must be the name of an interface, since detectLocalMode is ${mode}`
}
