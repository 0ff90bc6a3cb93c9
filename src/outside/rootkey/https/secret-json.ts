// Writes and reads JSON that carries a secret, without ever making the secret a string, since strings cannot be wiped. A body is built
// of bytes, and the secret's bytes are cut out of an answer before the rest is parsed.

import { decodeAnyBase64, encodeBase64 } from '../../../base/base64.ts'

/** `{"NAME":"base64 of the secret", ...rest}`; the caller wipes it. */
export function bodyWithSecret(
  name: string,
  secret: Uint8Array,
  rest: object,
  encode: (bytes: Uint8Array) => Buffer = encodeBase64,
): Buffer {
  const tail = JSON.stringify(rest).slice(1)
  const encoded = encode(secret)
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

/** Takes the string value of a field out of a JSON object: of `name`, or of `outer.name`. Wipes the body. */
export function parseWithSecret(body: Buffer, name: string): ParsedAnswer {
  const place = findString(body, name.split('.'))
  const secret = place && decodeAnyBase64(unescaped(body.subarray(place.from, place.to)))
  if (place) body.fill(0x20, place.from, place.to)
  try {
    return { json: JSON.parse(body.toString('utf8')) as unknown, secret }
  } catch {
    secret?.fill(0)
    return { json: undefined, secret: undefined }
  } finally {
    body.fill(0)
  }
}

/** undefined: the body is not JSON. */
export function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    return undefined
  }
}

const quote = 0x22
const backslash = 0x5c

/** Where the characters of the string at this path are, without its quotes. undefined: there is no string at this path. */
function findString(
  body: Buffer,
  namePath: readonly string[],
): { readonly from: number; readonly to: number } | undefined {
  /** The names that lead to the byte at `at`, one for each open bracket. undefined: the next string is a name. */
  const names: (string | undefined)[] = []
  for (let at = 0; at < body.length; at++) {
    const byte = body[at]
    if (byte === 0x7b || byte === 0x5b) names.push(undefined)
    else if (byte === 0x7d || byte === 0x5d) names.pop()
    else if (byte === 0x2c) names[names.length - 1] = undefined
    if (byte !== quote) continue
    const from = at + 1
    for (at = from; at < body.length && body[at] !== quote; at++) if (body[at] === backslash) at++
    if (names.at(-1) === undefined) names[names.length - 1] = body.toString('latin1', from, at)
    else if (names.length === namePath.length && names.every((name, depth) => name === namePath[depth]))
      return { from, to: at }
  }
  return undefined
}

/** Undoes the escapes that JSON allows in base64, in place: \/ for / and \uXXXX for any character. */
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
