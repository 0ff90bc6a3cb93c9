// Reads XML into TTLV (KMIP profiles 2.1 §5.6): elements named like tags, with the attributes `type` and `value`. It reads only a
// part of XML: no document type, so no entities but XML's own five, no CDATA, no processing instructions, no namespace but
// KMIP's, and only UTF-8. docs/decisions/text-encodings.md says why we have our own reader.

import type { Parts } from '../../base/parts.ts'
import type { Names } from './names.ts'
import {
  isSpace,
  nameBytesMax,
  readText,
  writeCharacter,
  type Around,
  type Span,
  type TextSource,
} from './text-source.ts'
import { hexDigit, pieceBytes } from './text-value.ts'
import { isTextType } from './wire.ts'

/** Throws TtlvError. The caller overwrites the result and the text. */
export function readXml(text: Uint8Array, names: Names): Parts<Buffer> {
  return readText(text, names, 'XML', function* (source) {
    if (source.bytes.subarray(0, 3).equals(byteOrderMark)) source.at = 3
    skipDeclaration(source)
    yield* skipBetween(source)
    yield* element(source, 1, {})
    yield* skipBetween(source)
    if (source.at < source.bytes.length) throw source.malformed('something stands after the message')
  })
}

const byteOrderMark = Buffer.from('\uFEFF')
const namespace = 'urn:oasis:tc:kmip:xmlns'

const less = 0x3c
const greater = 0x3e
const slash = 0x2f
const equals = 0x3d
const ampersand = 0x26

// ---------------------------------------------------------------- Elements

interface Start {
  readonly name: string
  readonly tag: number
  readonly type: ReturnType<TextSource['typeOf']>
  readonly value: Span | undefined
  /** Whether it ended with `/>`. */
  readonly isEmpty: boolean
}

function* element(source: TextSource, depth: number, around: Around): Parts<void> {
  if (source.pauseIsDue()) yield
  const { name, tag, type, value, isEmpty } = startTag(source)
  if (type === 'Structure') {
    source.checkDepth(depth)
    if (value !== undefined) throw source.malformed('a structure has no value')
    const place = source.writer.open()
    const inside: Around = {}
    for (let ended = isEmpty; !ended;) {
      if (!isTagHere(source)) yield* skipBetween(source)
      ended = endsHere(source)
      if (ended) endTag(source, name)
      else yield* element(source, depth + 1, inside)
    }
    source.writer.close(place, tag)
  } else {
    if (value === undefined) throw source.malformed('the attribute value is missing')
    const span = isTextType(type) ? value : trimmed(source, value)
    const item = { tag, type, around }
    if (!source.shortValue(item, span)) yield* source.value(item, span, unescapeXml)
    if (!isEmpty) {
      yield* skipBetween(source)
      if (!endsHere(source)) throw source.malformed('only a structure has elements inside')
      endTag(source, name)
    }
  }
  source.path.pop()
}

/** Whether a start tag or an end tag stands here, not white space or a comment. */
function isTagHere(source: TextSource): boolean {
  const after = source.bytes[source.at + 1]
  return source.next === less && after !== 0x21 && after !== 0x3f
}

/** Whether an end tag follows. */
function endsHere(source: TextSource): boolean {
  if (source.next !== less) throw source.malformed('only elements stand inside a structure')
  return source.bytes[source.at + 1] === slash
}

function startTag(source: TextSource): Start {
  source.expect(less, 'an element must begin here')
  const name = nameHere(source)
  source.path.push(name)
  const attributes = attributesHere(source)
  const isEmpty = source.next === slash
  if (isEmpty) source.at++
  source.expect(greater, 'the element does not end')
  const xmlns = attributes.get('xmlns')
  if (xmlns !== undefined && source.nameIn(xmlns) !== namespace)
    throw source.malformed(`the namespace is not ${namespace}`)
  const tagSpan = attributes.get('tag')
  if ((name === 'TTLV') !== (tagSpan !== undefined))
    throw source.malformed('the attribute tag belongs to the element TTLV, and only there')
  const tag = source.tagOf(tagSpan === undefined ? name : source.nameIn(tagSpan))
  const typed = attributes.get('type')
  const type = typed === undefined ? 'Structure' : source.typeOf(source.nameIn(typed))
  return { name, tag, type, value: attributes.get('value'), isEmpty }
}

function endTag(source: TextSource, name: string): void {
  source.at += 2
  if (nameHere(source) !== name) throw source.malformed('an end tag belongs to another element')
  source.skipSpace()
  source.expect(greater, 'the end tag does not end')
}

const attributeNames: ReadonlySet<string> = new Set(['tag', 'name', 'type', 'value', 'xmlns'])

/** Reads the attributes, by name. `name` describes a tag that has no name in KMIP. It is ignored. */
function attributesHere(source: TextSource): ReadonlyMap<string, Span> {
  const attributes = new Map<string, Span>()
  for (;;) {
    const hadSpace = isSpace(source.next)
    source.skipSpace()
    if (source.next === greater || source.next === slash) return attributes
    if (!hadSpace) throw source.malformed('a space is missing before an attribute')
    const name = nameHere(source)
    if (!attributeNames.has(name)) throw source.malformed('an attribute other than type, value, tag and name')
    if (attributes.has(name)) throw source.malformed(`the attribute ${name} stands twice`)
    source.skipSpace()
    source.expect(equals, 'an attribute needs = and a value')
    source.skipSpace()
    attributes.set(name, quoted(source))
  }
}

/** A long value counts as escaped, so that `unescapeXml` reads it in pieces. */
function quoted(source: TextSource): Span {
  const quote = source.next
  if (quote !== 0x22 && quote !== 0x27) throw source.malformed('the value of an attribute stands in quotes')
  const { bytes } = source
  const start = source.at + 1
  const end = bytes.indexOf(quote, start)
  if (end < 0) throw source.malformed('the value of an attribute does not end')
  source.at = end + 1
  if (end - start > pieceBytes) return { start, end, escaped: true }
  let escaped = false
  for (let at = start; at < end; at++) {
    const byte = bytes[at] ?? 0
    if (byte === ampersand || isSpace(byte)) escaped ||= byte !== 0x20
    else if (isForbidden(byte)) throw source.malformed(forbidden, at)
  }
  return { start, end, escaped }
}

const forbidden = 'a character that XML does not allow here'

function isForbidden(byte: number): boolean {
  return byte < 0x20 || byte === less
}

/** Reads a name of letters, digits and underscores, as tags have. */
function nameHere(source: TextSource): string {
  const start = source.at
  while (isNameByte(source.next)) source.at++
  if (source.next === 0x3a) throw source.malformed('prefixes of namespaces are not read')
  if (source.at === start || source.at - start > nameBytesMax)
    throw source.malformed('a name of letters, digits and underscores must stand here', start)
  return source.bytes.toString('latin1', start, source.at)
}

function isNameByte(byte: number): boolean {
  const letter = byte | 0x20
  return (letter >= 0x61 && letter <= 0x7a) || (byte >= 0x30 && byte <= 0x39) || byte === 0x5f
}

function trimmed({ bytes }: TextSource, span: Span): Span {
  let { start, end } = span
  while (start < end && isSpace(bytes[start] ?? 0)) start++
  while (end > start && isSpace(bytes[end - 1] ?? 0)) end--
  return { start, end, escaped: span.escaped }
}

// ---------------------------------------------------------------- Around elements

/** `<?xml version="1.0" encoding="UTF-8"?>` */
function skipDeclaration(source: TextSource): void {
  const { bytes, at } = source
  if (bytes.toString('latin1', at, at + 5) !== '<?xml') return
  const end = bytes.subarray(at, at + declarationBytesMax).indexOf('?>')
  if (end < 0) throw source.malformed('the XML declaration does not end')
  const text = bytes.toString('latin1', at, at + end + 2)
  if (!declaration.test(text)) throw source.malformed('only XML 1.0 in UTF-8 is read')
  source.at = at + end + 2
}

const declarationBytesMax = 256
const declaration =
  /^<\?xml\s+version\s*=\s*(["'])1\.0\1(?:\s+encoding\s*=\s*(["'])utf-?8\2)?(?:\s+standalone\s*=\s*(["'])(?:yes|no)\3)?\s*\?>$/i

/** Skips white space and comments. */
function* skipBetween(source: TextSource): Parts<void> {
  while (skipSpaceAndComment(source)) if (source.pauseIsDue()) yield
}

/** Returns whether it skipped a comment. More may follow. */
function skipSpaceAndComment(source: TextSource): boolean {
  const { bytes } = source
  source.skipSpace()
  if (source.next !== less) return false
  const after = bytes[source.at + 1]
  if (after === 0x3f) throw source.malformed('processing instructions are not read')
  if (after !== 0x21) return false
  if (bytes[source.at + 2] !== dash || bytes[source.at + 3] !== dash)
    throw source.malformed('document types, entities and CDATA are not read')
  const end = bytes.indexOf(dashes, source.at + 4)
  if (end < 0 || bytes[end + 2] !== greater) throw source.malformed('a comment does not end')
  source.at = end + 3
  return true
}

const dash = 0x2d
const dashes = Buffer.from('--')

// ---------------------------------------------------------------- Escapes

/** Replaces references by their characters, and white space by a space (XML 1.0 §3.3.3). */
function* unescapeXml(source: TextSource, { start, end }: Span, into: Buffer): Parts<number> {
  const place = { at: start, out: 0 }
  for (;;) {
    unescapePiece(source, place, { to: Math.min(end, place.at + pieceBytes), end, into })
    if (place.at >= end) return place.out
    yield
  }
}

/** Unescapes up to `to`, the end of the piece. The last reference may extend beyond it. */
function unescapePiece(
  source: TextSource,
  place: { at: number; out: number },
  { to, end, into }: { readonly to: number; readonly end: number; readonly into: Buffer },
): void {
  const { bytes } = source
  let { at, out } = place
  while (at < to) {
    const byte = bytes[at] ?? 0
    if (byte === ampersand) {
      const { code, length } = reference(bytes, at, end)
      if (length === 0) throw source.malformed('a reference to a character that XML does not have', at)
      out = writeCharacter(code, into, out)
      at += length
      continue
    }
    // §2.11: a line break of two characters counts as one.
    const isHalfBreak = byte === 0x0d && bytes[at + 1] === 0x0a && at + 1 < end
    if (isSpace(byte)) {
      if (!isHalfBreak) into[out++] = 0x20
    } else {
      if (isForbidden(byte)) throw source.malformed(forbidden, at)
      into[out++] = byte
    }
    at++
  }
  Object.assign(place, { at, out })
}

const entities = [
  ['&lt;', less],
  ['&gt;', greater],
  ['&amp;', ampersand],
  ['&quot;', 0x22],
  ['&apos;', 0x27],
].map(([text, code]) => ({ bytes: Buffer.from(String(text)), code: Number(code) }))

interface Reference {
  readonly code: number
  /** The length of the reference in bytes. 0: it does not stand for a character of XML. */
  readonly length: number
}

const noReference: Reference = { code: 0, length: 0 }

/** The reference that begins at an ampersand. */
function reference(bytes: Buffer, at: number, end: number): Reference {
  if (bytes[at + 1] === 0x23) return numericReference(bytes, at, end)
  for (const { bytes: entity, code } of entities) {
    let length = 0
    while (length < entity.length && bytes[at + length] === entity[length]) length++
    if (length === entity.length && at + length <= end) return { code, length }
  }
  return noReference
}

/** `&#65;` or `&#x41;`, with so few digits that the number is exact. */
function numericReference(bytes: Buffer, at: number, end: number): Reference {
  const isHex = bytes[at + 2] === 0x78
  const first = at + (isHex ? 3 : 2)
  let code = 0
  let place = first
  for (; place < end; place++) {
    const digit = hexDigit(bytes[place] ?? 0)
    if (digit < 0 || (!isHex && digit > 9)) break
    if (place - first === (isHex ? 6 : 7)) return noReference
    code = code * (isHex ? 16 : 10) + digit
  }
  const isWhole = place > first && place < end && bytes[place] === 0x3b
  return isWhole && isCharacter(code) ? { code, length: place + 1 - at } : noReference
}

/** XML 1.0 §2.2: whether XML allows the character. */
function isCharacter(code: number): boolean {
  return (
    code === 0x09 ||
    code === 0x0a ||
    code === 0x0d ||
    (code >= 0x20 && code <= 0xd7ff) ||
    (code >= 0xe000 && code <= 0xfffd) ||
    (code >= 0x10000 && code <= 0x10ffff)
  )
}
