// How fingerprints are written and read.

export function groups(sha256: string): readonly string[] {
  return sha256.toUpperCase().match(/.{1,4}/g) ?? []
}

/** As tools print it: with colons, spaces, lower or upper case, or a prefix. */
export function readFingerprint(text: string): string | undefined {
  const digits = text
    .replace(/^.*=/, '')
    .replaceAll(/[:\s-]/g, '')
    .toLowerCase()
  return /^[0-9a-f]{64}$/.test(digits) ? digits : undefined
}
