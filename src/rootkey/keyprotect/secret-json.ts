// JSON that carries a secret, in and out without ever making the secret a string: strings cannot be wiped. A body is
// built of bytes, and of an answer the secret's bytes are cut out before the rest is parsed.

const alphabet = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/')
const values = new Int8Array(256).fill(-1)
for (const [value, character] of alphabet.entries()) values[character] = value
const padding = 0x3d

/** `{"NAME":"base64 of the secret", ...rest}`; the caller wipes it. */
export function bodyWithSecret(name: string, secret: Uint8Array, rest: object): Buffer {
  const tail = JSON.stringify(rest).slice(1)
  const encoded = encodeBase64(secret)
  const body = Buffer.concat([
    Buffer.from(`{${JSON.stringify(name)}:"`),
    encoded,
    Buffer.from(tail === '}' ? '"}' : `",${tail}`),
  ])
  encoded.fill(0)
  return body
}

export interface ParsedAnswer {
  /** Without the secret; undefined where the body is not JSON. */
  readonly json: unknown
  /** The decoded secret, the caller's to wipe; undefined where there is none, or not in base64. */
  readonly secret: Buffer | undefined
}

/** Takes the string value of the top-level field `name` out of a JSON object. Wipes the body. */
export function parseWithSecret(body: Buffer, name: string): ParsedAnswer {
  const found = findString(body, name)
  const secret = found && decodeBase64(unescaped(body.subarray(found.from, found.to)))
  if (found) body.fill(0x20, found.from, found.to)
  try {
    return { json: JSON.parse(body.toString('utf8')) as unknown, secret }
  } catch {
    secret?.fill(0)
    return { json: undefined, secret: undefined }
  } finally {
    body.fill(0)
  }
}

const quote = 0x22
const backslash = 0x5c

/** Where the value's characters are, between its quotes. */
function findString(body: Buffer, name: string): { readonly from: number; readonly to: number } | undefined {
  let depth = 0
  let key: string | undefined
  for (let at = 0; at < body.length; at++) {
    const byte = body[at]
    if (byte === 0x7b || byte === 0x5b) depth++
    else if (byte === 0x7d || byte === 0x5d) depth--
    else if (byte === 0x2c && depth === 1) key = undefined
    if (byte !== quote) continue
    const from = at + 1
    for (at = from; at < body.length && body[at] !== quote; at++) if (body[at] === backslash) at++
    if (depth === 1 && key === name) return { from, to: at }
    if (depth === 1 && key === undefined) key = body.toString('latin1', from, at)
  }
  return undefined
}

/** JSON may write / as \/ and any character as \uXXXX; nothing else is base64. In place. */
function unescaped(text: Buffer): Buffer {
  let length = 0
  for (let at = 0; at < text.length; at++, length++) {
    let byte = text[at] ?? 0
    if (byte === backslash) {
      byte = text[++at] ?? 0
      if (byte === 0x75) {
        byte = Number.parseInt(text.toString('latin1', at + 1, at + 5), 16)
        at += 4
      }
    }
    text[length] = byte
  }
  const short = text.subarray(0, length)
  text.fill(0x20, length)
  return short
}

function encodeBase64(bytes: Uint8Array): Buffer {
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

/** Standard alphabet, padded; undefined for anything else. */
function decodeBase64(text: Buffer): Buffer | undefined {
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
