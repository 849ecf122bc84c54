import xxhash from 'xxhash-wasm'

/** XXH64 of bytes, with seed 0: KPNG's object hash. */
export type Hash = (bytes: Uint8Array) => bigint

/** Loads the hash, which is WebAssembly, once; a few milliseconds. */
export async function loadHash(): Promise<Hash> {
  loading ??= load()
  return loading
}

let loading: Promise<Hash> | undefined

async function load(): Promise<Hash> {
  const api = await xxhash()
  return (bytes) => api.h64Raw(bytes)
}

/** As the keys of endpoints have it: hexadecimal in small letters, without zeros in front. */
export function hashText(hash: bigint): string {
  return hash.toString(16)
}
