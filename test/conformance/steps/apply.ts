import type { Manifest } from '../../sluice/manifests.ts'
import { OBJECT_LISTS, type ObjectList, readObjects } from '../format/objects.ts'
import type { StepKind } from './step.ts'

interface Apply {
  readonly set: readonly Manifest[]
  /** `Kind namespace/name` */
  readonly delete: readonly string[]
  /** Whether the next step may begin only when Sluice serves them. */
  readonly wait: boolean
}

const LISTS = Object.keys(OBJECT_LISTS) as ObjectList[]

/** Sets and deletes objects, and waits until Sluice serves them unless told; the first one starts it. */
export const apply: StepKind<Apply> = {
  read(value) {
    const fields = value.fields([...LISTS, 'delete', 'wait'])
    const wait = fields.wait.optional((flag) => flag.flag()) ?? true
    return { set: readObjects(fields), delete: fields.delete.texts(), wait }
  },
  plan({ set }, plan) {
    for (const object of set) if (object['kind'] === 'EndpointSlice') plan.endpointSlice(object)
  },
  run: (context, { set, delete: remove, wait }) => context.apply(set, remove, wait),
}
