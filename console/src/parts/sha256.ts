// How fingerprints are written and read.

export function groups(sha256: string): readonly string[] {
  return sha256.toUpperCase().match(/.{1,4}/g) ?? []
}

/** As tools print it: with colons, spaces, lower or upper case, or a prefix; Windows puts an invisible character first. */
export function readFingerprint(text: string): string | undefined {
  const digits = text
    .replace(/^.*=/, '')
    .replaceAll(/[:\s\p{Cf}-]/gu, '')
    .toLowerCase()
  return /^[0-9a-f]{64}$/.test(digits) ? digits : undefined
}

/** The DER of the first certificate in a PEM text, also of one whose lines a field joined; undefined: there is none. */
export function certificateIn(text: string): Uint8Array<ArrayBuffer> | undefined {
  const [, base64] =
    /-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----/.exec(text) ?? []
  if (base64 === undefined) return undefined
  try {
    return Uint8Array.from(atob(base64.replaceAll(/\s/g, '')), (character) => character.charCodeAt(0))
  } catch {
    return undefined
  }
}

/** The text is a certificate, or its fingerprint; undefined: it is neither, or not whole. */
export async function sha256In(text: string): Promise<string | undefined> {
  const certificate = certificateIn(text)
  return certificate ? sha256Of(certificate) : readFingerprint(text)
}

export async function sha256Of(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
