import xxhash from 'xxhash-wasm'

/** XXH64 of bytes, with seed 0: KPNG's object hash. */
export type Hash = (bytes: Uint8Array) => bigint

/** Loads the hash, which is WebAssembly, once; a few milliseconds. */
export async function loadHash(): Promise<Hash> {
  loading ??= xxhash().then(
    ({ h64Raw }) =>
      (bytes: Uint8Array) =>
        h64Raw(bytes),
  )
  return loading
}

let loading: Promise<Hash> | undefined

/** As the keys of endpoints have it: hexadecimal in small letters, without zeros in front. */
export function hashText(hash: bigint): string {
  return hash.toString(16)
}
