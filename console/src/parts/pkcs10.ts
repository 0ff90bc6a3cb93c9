// A certificate request (PKCS#10, RFC 2986) for a key that the browser made, as the few DER structures that it takes.

/** WebCrypto signs it, with RSASSA-PKCS1-v1_5 and SHA-256. */
export type Signer = (bytes: Uint8Array<ArrayBuffer>) => Promise<ArrayBuffer>

const sequence = 0x30
const set = 0x31
const integer = 0x02
const bitString = 0x03
const utf8String = 0x0c
/** [0] IMPLICIT, of attributes: none. */
const noAttributes = Uint8Array.of(0xa0, 0x00)
const commonName = Uint8Array.of(0x06, 0x03, 0x55, 0x04, 0x03)
/** 1.2.840.113549.1.1.11 with its NULL. */
const sha256WithRsa = element(
  sequence,
  Uint8Array.of(0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b, 0x05, 0x00),
)
/** RFC 5280, ub-common-name. */
const commonNameCharactersMax = 64

/** `publicKey`: SubjectPublicKeyInfo, as the browser exports it. Returns the DER. */
export async function certificateRequest(
  name: string,
  publicKey: Uint8Array,
  sign: Signer,
): Promise<Uint8Array<ArrayBuffer>> {
  const info = element(
    sequence,
    element(integer, Uint8Array.of(0)),
    distinguishedName(name),
    publicKey,
    noAttributes,
  )
  const signature = new Uint8Array(await sign(info))
  // A bit string begins with the number of bits that its last byte has too many.
  return element(sequence, info, sha256WithRsa, element(bitString, Uint8Array.of(0), signature))
}

function distinguishedName(name: string): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder().encode(Array.from(name).slice(0, commonNameCharactersMax).join(''))
  return element(sequence, element(set, element(sequence, commonName, element(utf8String, text))))
}

/** Tag, length, content. */
export function element(tag: number, ...contents: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const length = contents.reduce((sum, { byteLength }) => sum + byteLength, 0)
  const head = [tag, ...lengthBytes(length)]
  const bytes = new Uint8Array(head.length + length)
  bytes.set(head)
  let at = head.length
  for (const content of contents) {
    bytes.set(content, at)
    at += content.byteLength
  }
  return bytes
}

function lengthBytes(length: number): readonly number[] {
  if (length < 0x80) return [length]
  const bytes: number[] = []
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256)
  return [0x80 | bytes.length, ...bytes]
}

export function pem(label: string, der: Uint8Array): string {
  const base64 = btoa(Array.from(der, (byte) => String.fromCodePoint(byte)).join(''))
  const lines = base64.match(/.{1,64}/g) ?? []
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}
