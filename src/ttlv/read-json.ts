// Reads JSON into TTLV (KMIP profiles 2.1 §5.5): objects with `tag`, `type` and `value`, in any order. JSON.parse would
// make strings of keys, which nobody can wipe, round large numbers, and keep the last of two members with one name.

import type { Names } from './names.ts'
import { tagText } from './text-out.ts'
import { readText, unnamed, type Around, type Span, type TextSource } from './text-source.ts'
import { isTextType, type ItemType } from './wire.ts'

/** Throws TtlvError. The caller overwrites the result, and the text. */
export function readJson(text: Uint8Array, names: Names): Buffer {
  return readText(text, names, 'JSON', (source) => {
    source.skipSpace()
    item(source, 1, {})
    source.skipSpace()
    if (source.at < source.bytes.length) throw source.malformed('something stands after the message')
  })
}

const quote = 0x22
const backslash = 0x5c
const comma = 0x2c
const colon = 0x3a
const braceOpen = 0x7b

/** A value that was found, and is written once its tag and type are known. `array`: its items are written already. */
type Value =
  | { readonly kind: 'text' | 'number' | 'word'; readonly span: Span }
  | { readonly kind: 'array'; readonly place: number }

interface Members {
  tag?: number
  type?: ItemType
  name?: true
  value?: Value
}

function item(source: TextSource, depth: number, around: Around): void {
  source.expect(braceOpen, 'an item is an object')
  const members: Members = {}
  const level = source.path.push(unnamed) - 1
  source.skipSpace()
  for (let first = true; first || source.next !== 0x7d; first = false) {
    if (!first) source.expect(comma, 'a comma is missing')
    source.skipSpace()
    member(source, members, depth)
    const { tag } = members
    if (tag !== undefined) source.path[level] = tagText(tag, source.names)
    source.skipSpace()
  }
  source.at++
  finish(source, members, { around, depth })
  source.path.pop()
}

function member(source: TextSource, members: Members, depth: number): void {
  const key = source.nameIn(stringHere(source))
  source.skipSpace()
  source.expect(colon, 'a colon is missing')
  source.skipSpace()
  if (key !== 'tag' && key !== 'type' && key !== 'value' && key !== 'name')
    throw source.malformed('an item has tag, name, type and value, and nothing else')
  if (members[key] !== undefined) throw source.malformed(`the member ${key} stands twice`)
  if (key === 'tag') members.tag = source.tagOf(source.nameIn(stringHere(source)))
  else if (key === 'type') members.type = source.typeOf(source.nameIn(stringHere(source)))
  else if (key === 'value') members.value = value(source, depth)
  else {
    stringHere(source)
    members.name = true
  }
}

function finish(
  source: TextSource,
  members: Members,
  { around, depth }: { readonly around: Around; readonly depth: number },
): void {
  const { tag, type = 'Structure', value: found } = members
  if (tag === undefined) throw source.malformed('the member tag is missing')
  if (type === 'Structure') {
    if (found?.kind === 'array') return source.writer.close(found.place, tag)
    if (found !== undefined && (found.kind !== 'word' || textOf(source, found.span) !== 'null'))
      throw source.malformed('the value of a structure is an array')
    source.checkDepth(depth)
    return source.writer.close(source.writer.open(), tag)
  }
  if (found === undefined) throw source.malformed('the member value is missing')
  if (found.kind === 'array') throw source.malformed('only the value of a structure is an array')
  if (!fits(type, found.kind, source, found.span))
    throw source.malformed(`this kind of JSON value does not fit the type ${type}`, found.span.start)
  if (type === 'BigInteger' && found.kind === 'number')
    return source.writer.long(tag, type, BigInt(textOf(source, found.span)))
  const end = source.at
  source.at = found.span.start
  source.value(tag, type, found.span, around, unescapeJson)
  source.at = end
}

/** Which JSON values a type may have. A text fits every type; whether its characters do is found out later. */
function fits(type: ItemType, kind: 'text' | 'number' | 'word', source: TextSource, span: Span): boolean {
  if (kind === 'text') return true
  if (kind === 'word') return type === 'Boolean' && textOf(source, span) !== 'null'
  return type !== 'Boolean' && type !== 'ByteString' && !isTextType(type)
}

// ---------------------------------------------------------------- Values

function value(source: TextSource, depth: number): Value {
  const { next } = source
  if (next === quote) return { kind: 'text', span: stringHere(source) }
  if (next === 0x5b) return { kind: 'array', place: array(source, depth) }
  if (next === 0x2d || (next >= 0x30 && next <= 0x39)) return { kind: 'number', span: numberHere(source) }
  return { kind: 'word', span: wordHere(source) }
}

/** Returns the place of the structure that the items were written into. */
function array(source: TextSource, depth: number): number {
  source.checkDepth(depth)
  const place = source.writer.open()
  const inside: Around = {}
  source.at++
  source.skipSpace()
  for (let first = true; source.next !== 0x5d; first = false) {
    if (!first) source.expect(comma, 'a comma is missing')
    source.skipSpace()
    item(source, depth + 1, inside)
    source.skipSpace()
  }
  source.at++
  return place
}

const numberBytesMax = 24

/** Whole numbers only. Above 2^53, the sender's own number may have been rounded, so it must be hexadecimal. */
function numberHere(source: TextSource): Span {
  const { bytes, at: start } = source
  let end = start
  while (/[-+.eE0-9]/.test(String.fromCharCode(bytes[end] ?? 0)) && end - start <= numberBytesMax) end++
  const text = bytes.toString('latin1', start, end)
  if (!/^-?(?:0|[1-9]\d*)$/.test(text)) throw source.malformed('a number must be whole, without an exponent')
  if (!Number.isSafeInteger(Number(text)))
    throw source.malformed('a number beyond 2^53 must be a hexadecimal text, such as "0x0020000000000000"')
  source.at = end
  return { start, end, escaped: false }
}

function wordHere(source: TextSource): Span {
  const start = source.at
  for (const word of ['true', 'false', 'null']) {
    const end = start + word.length
    if (source.bytes.toString('latin1', start, end) !== word) continue
    source.at = end
    return { start, end, escaped: false }
  }
  throw source.malformed('a value must stand here')
}

function stringHere(source: TextSource): Span {
  source.expect(quote, 'a text in double quotes must stand here')
  const { bytes, at: start } = source
  let escaped = false
  for (let at = start; at < bytes.length; at++) {
    const byte = bytes[at] ?? 0
    if (byte === quote) {
      source.at = at + 1
      return { start, end: at, escaped }
    }
    if (byte < 0x20) throw source.malformed('a control character must be escaped', at)
    if (byte === backslash) {
      escaped = true
      at++
    }
  }
  throw source.malformed('a text does not end')
}

function textOf({ bytes }: TextSource, { start, end }: Span): string {
  return bytes.toString('latin1', start, end)
}

// ---------------------------------------------------------------- Escapes

const escapes: ReadonlyMap<string, number> = new Map([
  ['"', quote],
  ['\\', backslash],
  ['/', 0x2f],
  ['b', 0x08],
  ['f', 0x0c],
  ['n', 0x0a],
  ['r', 0x0d],
  ['t', 0x09],
])

function unescapeJson(source: TextSource, { start, end }: Span, into: Buffer): number {
  const { bytes } = source
  let out = 0
  for (let at = start; at < end;) {
    const byte = bytes[at] ?? 0
    if (byte !== backslash) {
      into[out++] = byte
      at++
      continue
    }
    const escape = String.fromCharCode(bytes[at + 1] ?? 0)
    const short = escapes.get(escape)
    if (short !== undefined) {
      into[out++] = short
      at += 2
      continue
    }
    const [text, length] =
      escape === 'u' ? unicode(bytes.toString('latin1', at, Math.min(end, at + 12))) : ['', 0]
    if (length === 0) throw source.malformed('an escape that JSON does not have, or half a character', at)
    out += into.write(text, out, 'utf8')
    at += length
  }
  return out
}

/** The character of \uXXXX, or of two of them that form one, and how many characters that takes; 0: there is none. */
function unicode(text: string): readonly [string, number] {
  const pair = /^\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})/.exec(text)
  if (pair) return [String.fromCharCode(...pair.slice(1).map((digits) => Number.parseInt(digits, 16))), 12]
  const single = /^\\u([0-9a-fA-F]{4})/.exec(text)?.[1]
  if (single === undefined || /^d[89a-f]/i.test(single)) return ['', 0]
  return [String.fromCharCode(Number.parseInt(single, 16)), 6]
}
