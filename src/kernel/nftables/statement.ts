import type { Field } from './field.ts'
import type { Verdict } from './verdict.ts'

/**
 * What a rule does, in nft's own terms. Every statement has one text form and one kernel form, and nft prints the kernel
 * form as that text again; forms for which this does not hold are not offered.
 */
export type Statement =
  /** `FIELD VALUE`; with `mask`, `FIELD & MASK == VALUE`. Values and masks as numbers of the field's type. */
  | { readonly do: 'match'; readonly field: Field; readonly value: number; readonly not?: boolean }
  /** `ct state new`, `ct status dnat`: true when one of the bits is set; with `not`, when none is. */
  | { readonly do: 'match-bits'; readonly field: Field; readonly bits: number; readonly not?: boolean }
  /** `iifname NAME`; with `prefix`, every interface whose name begins so. In postrouting from Linux 5.7 on. */
  | { readonly do: 'match-interface'; readonly name: string; readonly prefix: boolean; readonly not?: boolean }
  /** `KEY @SET`; `ranges` when the set's keys are concatenations with ranges. */
  | {
      readonly do: 'lookup'
      readonly key: readonly Field[]
      readonly set: string
      readonly not?: boolean
      readonly ranges?: boolean
    }
  /** `FIELD { VALUE, VALUE }`: an anonymous set. */
  | { readonly do: 'one-of'; readonly field: Field; readonly values: readonly number[] }
  /** `FIELD & MASK vmap @MAP`. */
  | { readonly do: 'vmap'; readonly field: Field; readonly mask?: number; readonly map: string }
  /** `FIELD vmap { VALUE : VERDICT }`: an anonymous map. */
  | {
      readonly do: 'vmap-anonymous'
      readonly field: Field
      readonly entries: readonly { readonly value: number; readonly verdict: Verdict }[]
    }
  /** `meta priority set ...`: none, the present value masked, or what a map says. */
  | { readonly do: 'set-priority-none' }
  | { readonly do: 'mask-priority'; readonly mask: number }
  | { readonly do: 'set-priority-map'; readonly key: readonly Field[]; readonly map: string }
  /** `meta priority set meta priority & MASK map @MAP`. */
  | { readonly do: 'remap-priority'; readonly mask: number; readonly map: string }
  /** `dnat to KEY map @MAP`, where the map's data is address . port. */
  | { readonly do: 'dnat-map'; readonly key: readonly Field[]; readonly map: string }
  /** `update @MAP { KEY timeout T : DATA }`. */
  | {
      readonly do: 'update'
      readonly map: string
      readonly key: readonly Field[]
      readonly data: readonly Field[]
      readonly timeoutSeconds: number
    }
  | { readonly do: 'masquerade' }
  | { readonly do: 'reject' }
  | { readonly do: 'verdict'; readonly verdict: Verdict }
