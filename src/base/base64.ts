// Base64 of secrets, from bytes to bytes, since a string cannot be wiped.

const alphabet = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/')
const values = new Int8Array(256).fill(-1)
for (const [value, character] of alphabet.entries()) values[character] = value
const padding = 0x3d

/** Uses the standard alphabet, with padding. The caller wipes the result. */
export function encodeBase64(bytes: Uint8Array): Buffer {
  const text = Buffer.alloc(Math.ceil(bytes.length / 3) * 4, padding)
  for (let at = 0, out = 0; at < bytes.length; at += 3, out += 4) {
    const [a = 0, b = 0, c = 0] = bytes.subarray(at, at + 3)
    text[out] = alphabet[a >> 2] ?? 0
    text[out + 1] = alphabet[((a & 3) << 4) | (b >> 4)] ?? 0
    if (at + 1 < bytes.length) text[out + 2] = alphabet[((b & 15) << 2) | (c >> 6)] ?? 0
    if (at + 2 < bytes.length) text[out + 3] = alphabet[c & 63] ?? 0
  }
  return text
}

/** Reads the standard alphabet with padding. Undefined for anything else. The caller wipes the result. */
export function decodeBase64(text: Uint8Array): Buffer | undefined {
  let length = text.length
  while (length > text.length - 2 && text[length - 1] === padding) length--
  if (text.length === 0 || text.length % 4 !== 0) return undefined
  const bytes = Buffer.alloc(Math.floor((length * 3) / 4))
  let bits = 0
  let held = 0
  let out = 0
  for (const character of text.subarray(0, length)) {
    const value = values[character] ?? -1
    if (value < 0) {
      bytes.fill(0)
      return undefined
    }
    held = ((held << 6) | value) & 0xffff
    bits += 6
    if (bits >= 8) bytes[out++] = (held >> (bits -= 8)) & 0xff
  }
  return bytes
}

const [plus = 0, slash = 0, minus = 0, underscore = 0] = Buffer.from('+/-_')

/** Uses the alphabet for URLs, without padding (RFC 4648 §5). The caller wipes the result. */
export function encodeBase64Url(bytes: Uint8Array): Buffer {
  const text = encodeBase64(bytes)
  for (const [at, character] of text.entries())
    if (character === plus) text[at] = minus
    else if (character === slash) text[at] = underscore
  return text.subarray(0, Math.ceil((bytes.length * 4) / 3))
}

/** Reads either alphabet, with or without padding. Undefined for anything else. The caller wipes the result. */
export function decodeAnyBase64(text: Uint8Array): Buffer | undefined {
  const standard = Buffer.alloc(Math.ceil(text.length / 4) * 4, padding)
  for (const [at, character] of text.entries())
    standard[at] = character === minus ? plus : character === underscore ? slash : character
  const bytes = decodeBase64(standard)
  standard.fill(0)
  return bytes
}
