// Reads JSON into TTLV (KMIP profiles 2.1 §5.5): objects with `tag`, `type` and `value`, in any order. JSON.parse would turn keys
// into strings, which cannot be wiped. It would also round large numbers, and keep only the last of two members with the same
// name.

import type { Parts } from '../../base/parts.ts'
import type { Names } from './names.ts'
import { tagText } from './text-out.ts'
import {
  readText,
  unnamed,
  writeCharacter,
  type Around,
  type Single,
  type Span,
  type TextSource,
} from './text-source.ts'
import { hexDigit, pieceBytes } from './text-value.ts'
import { isTextType, type ItemType } from './wire.ts'

/** Throws TtlvError. The caller overwrites the result and the text. */
export function readJson(text: Uint8Array, names: Names): Parts<Buffer> {
  return readText(text, names, 'JSON', function* (source) {
    source.skipSpace()
    yield* item(source, 1, {})
    source.skipSpace()
    if (source.at < source.bytes.length) throw source.malformed('something stands after the message')
  })
}

const quote = 0x22
const backslash = 0x5c
const comma = 0x2c
const colon = 0x3a
const braceOpen = 0x7b

/** A value whose tag and type may still follow in the text, so it is written later. `array`: its items are already written. */
type Value =
  | { readonly kind: 'text' | 'number' | 'word'; readonly span: Span }
  | { readonly kind: 'array'; readonly place: number }

interface Members {
  tag?: number
  type?: ItemType
  name?: true
  value?: Value
}

function* item(source: TextSource, depth: number, around: Around): Parts<void> {
  if (source.pauseIsDue()) yield
  source.expect(braceOpen, 'an item is an object')
  const members: Members = {}
  const level = source.path.push(unnamed) - 1
  source.skipSpace()
  for (let first = true; first || source.next !== 0x7d; first = false) {
    if (!first) source.expect(comma, 'a comma is missing')
    source.skipSpace()
    const key = keyHere(source, members)
    if (key === 'tag') {
      members.tag = source.tagOf(nameHere(source))
      source.path[level] = tagText(members.tag, source.names)
    } else if (key === 'type') members.type = source.typeOf(nameHere(source))
    else if (key === 'value') members.value = yield* value(source, depth)
    else {
      yield* stringHere(source)
      members.name = true
    }
    source.skipSpace()
  }
  source.at++
  const { tag, type = 'Structure', value: content } = members
  if (tag === undefined) throw source.malformed('the member tag is missing')
  if (type === 'Structure') structure(source, { tag, content, depth })
  else yield* single(source, { tag, type, around }, content)
  source.path.pop()
}

/** Reads the name of a member, and its colon. */
function keyHere(source: TextSource, members: Members): keyof Members {
  const key = nameHere(source)
  source.skipSpace()
  source.expect(colon, 'a colon is missing')
  source.skipSpace()
  if (key !== 'tag' && key !== 'type' && key !== 'value' && key !== 'name')
    throw source.malformed('an item has tag, name, type and value, and nothing else')
  if (members[key] !== undefined) throw source.malformed(`the member ${key} stands twice`)
  return key
}

function structure(
  source: TextSource,
  {
    tag,
    content,
    depth,
  }: { readonly tag: number; readonly content: Value | undefined; readonly depth: number },
): void {
  if (content?.kind === 'array') return source.writer.close(content.place, tag)
  if (content !== undefined && (content.kind !== 'word' || textOf(source, content.span) !== 'null'))
    throw source.malformed('the value of a structure is an array')
  source.checkDepth(depth)
  source.writer.close(source.writer.open(), tag)
}

function* single(source: TextSource, item: Single, content: Value | undefined): Parts<void> {
  const { tag, type } = item
  if (content === undefined) throw source.malformed('the member value is missing')
  if (content.kind === 'array') throw source.malformed('only the value of a structure is an array')
  if (!fits(type, content.kind, source, content.span))
    throw source.malformed(`this kind of JSON value does not fit the type ${type}`, content.span.start)
  const end = source.at
  source.at = content.span.start
  if (type === 'BigInteger' && content.kind === 'number')
    source.writer.long(tag, type, BigInt(textOf(source, content.span)))
  else if (!source.shortValue(item, content.span)) yield* source.value(item, content.span, unescapeJson)
  source.at = end
}

/** Whether a type may have a JSON value of this kind. A text fits every type. Its characters are checked later. */
function fits(type: ItemType, kind: 'text' | 'number' | 'word', source: TextSource, span: Span): boolean {
  if (kind === 'text') return true
  if (kind === 'word') return type === 'Boolean' && textOf(source, span) !== 'null'
  return type !== 'Boolean' && type !== 'ByteString' && !isTextType(type)
}

// ---------------------------------------------------------------- Values

function* value(source: TextSource, depth: number): Parts<Value> {
  const { next } = source
  if (next === quote) return { kind: 'text', span: yield* stringHere(source) }
  if (next === 0x5b) return { kind: 'array', place: yield* array(source, depth) }
  if (next === 0x2d || (next >= 0x30 && next <= 0x39)) return { kind: 'number', span: numberHere(source) }
  return { kind: 'word', span: wordHere(source) }
}

/** Returns the position of the structure that holds the items. */
function* array(source: TextSource, depth: number): Parts<number> {
  source.checkDepth(depth)
  const place = source.writer.open()
  const inside: Around = {}
  source.at++
  source.skipSpace()
  for (let first = true; source.next !== 0x5d; first = false) {
    if (!first) source.expect(comma, 'a comma is missing')
    source.skipSpace()
    yield* item(source, depth + 1, inside)
    source.skipSpace()
  }
  source.at++
  return place
}

const numberBytesMax = 24

/** Accepts whole numbers only. Above 2^53 the sender may already have rounded the number, so it must be hexadecimal. */
function numberHere(source: TextSource): Span {
  const { bytes, at: start } = source
  let end = start
  while (isNumberByte(bytes[end] ?? 0) && end - start <= numberBytesMax) end++
  const text = bytes.toString('latin1', start, end)
  if (!/^-?(?:0|[1-9]\d*)$/.test(text)) throw source.malformed('a number must be whole, without an exponent')
  if (!Number.isSafeInteger(Number(text)))
    throw source.malformed('a number beyond 2^53 must be a hexadecimal text, such as "0x0020000000000000"')
  source.at = end
  return { start, end, escaped: false }
}

/** Whether the byte is a digit, `-`, `+`, `.`, `e` or `E`. */
function isNumberByte(byte: number): boolean {
  const isSign = byte === 0x2d || byte === 0x2b || byte === 0x2e
  return (byte >= 0x30 && byte <= 0x39) || isSign || (byte | 0x20) === 0x65
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

/** Reads a short string without escapes. */
function nameHere(source: TextSource): string {
  source.expect(quote, noString)
  const span = { start: source.at, end: source.at, escaped: false }
  const isWhole = stringEnds(source, span, source.at + pieceBytes)
  if (!isWhole && span.end >= source.bytes.length) throw source.malformed(endless)
  if (!isWhole) span.escaped = true
  source.at = span.end + 1
  return source.nameIn(span)
}

function* stringHere(source: TextSource): Parts<Span> {
  source.expect(quote, noString)
  const span = { start: source.at, end: source.at, escaped: false }
  while (!stringEnds(source, span, span.end + pieceBytes)) {
    if (span.end >= source.bytes.length) throw source.malformed(endless)
    yield
  }
  source.at = span.end + 1
  return span
}

const noString = 'a text in double quotes must stand here'
const endless = 'a text does not end'

/**
 * Whether the string that continues at `found.end` ends before `to`. Moves `found.end` to the string's end, or to where the
 * search continues.
 */
function stringEnds(source: TextSource, span: { end: number; escaped: boolean }, to: number): boolean {
  const { bytes } = source
  const last = Math.min(to, bytes.length)
  let at = span.end
  let isEnd = false
  for (; at < last; at++) {
    const byte = bytes[at] ?? 0
    isEnd = byte === quote
    if (isEnd) break
    if (byte < 0x20) throw source.malformed('a control character must be escaped', at)
    if (byte === backslash) {
      span.escaped = true
      at++
    }
  }
  span.end = at
  return isEnd
}

function textOf({ bytes }: TextSource, { start, end }: Span): string {
  return bytes.toString('latin1', start, end)
}

// ---------------------------------------------------------------- Escapes

/** Escapes: the character behind a backslash, and the character that the two stand for. */
const escapes: ReadonlyMap<number, number> = new Map([
  [quote, quote],
  [backslash, backslash],
  [0x2f, 0x2f],
  [0x62, 0x08],
  [0x66, 0x0c],
  [0x6e, 0x0a],
  [0x72, 0x0d],
  [0x74, 0x09],
])

function* unescapeJson(source: TextSource, { start, end }: Span, into: Buffer): Parts<number> {
  const place = { at: start, out: 0 }
  for (;;) {
    unescapePiece(source, place, { to: Math.min(end, place.at + pieceBytes), end, into })
    if (place.at >= end) return place.out
    yield
  }
}

/** Unescapes up to `to`, the end of the piece. The last escape may extend beyond it. */
function unescapePiece(
  source: TextSource,
  place: { at: number; out: number },
  { to, end, into }: { readonly to: number; readonly end: number; readonly into: Buffer },
): void {
  const { bytes } = source
  let { at, out } = place
  while (at < to) {
    const byte = bytes[at] ?? 0
    if (byte !== backslash) {
      into[out++] = byte
      at++
      continue
    }
    const short = escapes.get(bytes[at + 1] ?? 0)
    const { code, length } = short === undefined ? unicode(bytes, at, end) : { code: short, length: 2 }
    if (length === 0) throw source.malformed('an escape that JSON does not have, or half a character', at)
    out = writeCharacter(code, into, out)
    at += length
  }
  Object.assign(place, { at, out })
}

/** The character of one \uXXXX, or of two that form one, and the bytes that they take. Length 0: no valid escape stands here. */
function unicode(bytes: Buffer, at: number, end: number): { readonly code: number; readonly length: number } {
  const first = unitAt(bytes, at, end)
  if (first < 0 || first < 0xd800 || first > 0xdfff) return { code: first, length: first < 0 ? 0 : 6 }
  const second = unitAt(bytes, at + 6, end)
  const isPair = first <= 0xdbff && second >= 0xdc00 && second <= 0xdfff
  return { code: 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00), length: isPair ? 12 : 0 }
}

/** The number of \uXXXX. -1: no such escape stands here. */
function unitAt(bytes: Buffer, at: number, end: number): number {
  if (at + 6 > end || bytes[at] !== backslash || bytes[at + 1] !== 0x75) return -1
  let unit = 0
  for (let place = at + 2; place < at + 6; place++) {
    const digit = hexDigit(bytes[place] ?? 0)
    if (digit < 0) return -1
    unit = unit * 16 + digit
  }
  return unit
}
