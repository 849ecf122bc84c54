import { randomUUID } from 'node:crypto'
import type { Manifest } from '../sluice/manifests.ts'
import { metaOf } from './collections.ts'

const AT = '2026-11-01T08:00:00Z'

/** The object with what a cluster adds to it, and a proxy has no use for: about 2 KB. */
export function withBulk(object: Manifest): Manifest {
  const meta = metaOf(object)
  return {
    ...object,
    metadata: {
      creationTimestamp: AT,
      uid: randomUUID(),
      generation: 1,
      ...withoutUndefined(meta),
      annotations: {
        'kubectl.kubernetes.io/last-applied-configuration': JSON.stringify({ spec: object['spec'] ?? {} }),
        'endpoints.kubernetes.io/last-change-trigger-time': AT,
        ...(meta as { annotations?: Manifest }).annotations,
      },
      labels: { 'app.kubernetes.io/managed-by': 'Helm', 'helm.sh/chart': 'web-1.2.3', ...meta.labels },
      managedFields: [
        managed('kube-controller-manager', object['apiVersion'], fieldsOf(object)),
        managed('kubectl-client-side-apply', object['apiVersion'], { 'f:metadata': { 'f:annotations': { '.': {} } } }),
      ],
    },
  }
}

function managed(manager: string, apiVersion: unknown, fieldsV1: Manifest): Manifest {
  return { manager, operation: 'Update', apiVersion, time: AT, fieldsType: 'FieldsV1', fieldsV1 }
}

/** The names of the fields, as server-side apply keeps them. */
function fieldsOf(value: unknown): Manifest {
  if (typeof value !== 'object' || value === null) return {}
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [`f:${key}`, fieldsOf(field)]))
}

function withoutUndefined(value: object): Manifest {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined))
}
