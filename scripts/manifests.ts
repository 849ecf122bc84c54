// Renders deploy/*.yaml from the overlays of the same names, with the kubectl on PATH. A test compares them.
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'

/** The overlays that are there as one file, too. */
export const PLAIN = ['replace-kube-proxy', 'beside-kube-proxy', 'cleanup', 'cleanup-kube-proxy'] as const

/** What `kubectl kustomize` makes of an overlay. @throws Error when there is no kubectl, or it finds a mistake. */
export function render(overlay: string): string {
  return execFileSync('kubectl', ['kustomize', `deploy/overlays/${overlay}`], { encoding: 'utf8', stdio: 'pipe' })
}

/** The text of an overlay's plain file. */
export function plainManifest(overlay: (typeof PLAIN)[number]): string {
  const from = `# Rendered from deploy/overlays/${overlay} by node scripts/manifests.ts: change it there.`
  return `${from}\n# docs/guide says how to use it.\n${render(overlay)}`
}

if (import.meta.main) {
  for (const overlay of PLAIN) writeFileSync(`deploy/${overlay}.yaml`, plainManifest(overlay))
}
