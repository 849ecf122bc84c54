/** The modules that are bundled, and where to; entries.mjs is no TypeScript, since any Node must be able to read it. */
export const entries: readonly { readonly from: string; readonly to: string }[]
