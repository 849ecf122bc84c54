/** The key in front of this one, in network order; the last one in front of the first. Ranges end before their end mark. */
export function keyBefore(key: Uint8Array): Buffer {
  const previous = Buffer.from(key)
  for (let i = previous.length - 1; i >= 0; i--) {
    const byte = previous[i] ?? 0
    previous[i] = (byte - 1) & 0xff
    if (byte !== 0) break
  }
  return previous
}
