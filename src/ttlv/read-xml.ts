// Reads XML into TTLV (KMIP profiles 2.1 §5.6): elements named like tags with the attributes `type` and `value`, nothing
// else. It is much less than XML: no document type, so no entities but the five of XML itself; no CDATA, no processing
// instructions, no namespace but KMIP's, UTF-8 only. Why it is our own: docs/decisions/text-encodings.md.

import type { Names } from './names.ts'
import { isSpace, nameBytesMax, readText, type Around, type Span, type TextSource } from './text-source.ts'
import { isTextType } from './wire.ts'

/** Throws TtlvError. The caller overwrites the result, and the text. */
export function readXml(text: Uint8Array, names: Names): Buffer {
  return readText(text, names, 'XML', (source) => {
    if (source.bytes.subarray(0, 3).equals(byteOrderMark)) source.at = 3
    skipDeclaration(source)
    skipBetween(source)
    element(source, 1, {})
    skipBetween(source)
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
  /** It ended with `/>`. */
  readonly isEmpty: boolean
}

function element(source: TextSource, depth: number, around: Around): void {
  const { name, tag, type, value, isEmpty } = startTag(source)
  if (type === 'Structure') {
    source.checkDepth(depth)
    if (value !== undefined) throw source.malformed('a structure has no value')
    const place = source.writer.open()
    const inside: Around = {}
    if (!isEmpty) {
      while (!endsHere(source)) element(source, depth + 1, inside)
      endTag(source, name)
    }
    source.writer.close(place, tag)
  } else {
    if (value === undefined) throw source.malformed('the attribute value is missing')
    source.value(tag, type, isTextType(type) ? value : trimmed(source, value), around, unescapeXml)
    if (!isEmpty) {
      if (!endsHere(source)) throw source.malformed('only a structure has elements inside')
      endTag(source, name)
    }
  }
  source.path.pop()
}

/** Whether an end tag follows; skips what may stand before it. */
function endsHere(source: TextSource): boolean {
  skipBetween(source)
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
  const given = attributes.get('tag')
  if ((name === 'TTLV') !== (given !== undefined))
    throw source.malformed('the attribute tag belongs to the element TTLV, and only there')
  const tag = source.tagOf(given === undefined ? name : source.nameIn(given))
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

/** By name. `name` says what a tag without a name in KMIP means, and is not used. */
function attributesHere(source: TextSource): ReadonlyMap<string, Span> {
  const found = new Map<string, Span>()
  for (;;) {
    const hadSpace = isSpace(source.next)
    source.skipSpace()
    if (source.next === greater || source.next === slash) return found
    if (!hadSpace) throw source.malformed('a space is missing before an attribute')
    const name = nameHere(source)
    if (!attributeNames.has(name)) throw source.malformed('an attribute other than type, value, tag and name')
    if (found.has(name)) throw source.malformed(`the attribute ${name} stands twice`)
    source.skipSpace()
    source.expect(equals, 'an attribute needs = and a value')
    source.skipSpace()
    found.set(name, quoted(source))
  }
}

function quoted(source: TextSource): Span {
  const quote = source.next
  if (quote !== 0x22 && quote !== 0x27) throw source.malformed('the value of an attribute stands in quotes')
  const { bytes } = source
  const start = source.at + 1
  let escaped = false
  for (let at = start; at < bytes.length; at++) {
    const byte = bytes[at] ?? 0
    if (byte === quote) {
      source.at = at + 1
      return { start, end: at, escaped }
    }
    if (byte === ampersand || (byte < 0x20 && isSpace(byte))) escaped = true
    else if (byte < 0x20 || byte === less)
      throw source.malformed('a character that XML does not allow here', at)
  }
  throw source.malformed('the value of an attribute does not end')
}

/** Letters, digits and underscores, as in the names of tags. */
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
function skipBetween(source: TextSource): void {
  const { bytes } = source
  for (;;) {
    source.skipSpace()
    if (source.next !== less) return
    const after = bytes[source.at + 1]
    if (after === 0x3f) throw source.malformed('processing instructions are not read')
    if (after !== 0x21) return
    if (bytes.toString('latin1', source.at, source.at + 4) !== '<!--')
      throw source.malformed('document types, entities and CDATA are not read')
    const end = bytes.indexOf('--', source.at + 4)
    if (end < 0 || bytes[end + 2] !== greater) throw source.malformed('a comment does not end')
    source.at = end + 3
  }
}

// ---------------------------------------------------------------- Escapes

const entities: Readonly<Record<string, number>> = {
  lt: less,
  gt: greater,
  amp: ampersand,
  quot: 0x22,
  apos: 0x27,
}
const referenceBytesMax = 12

/** XML 1.0 §3.3.3: white space becomes a space, unless it is written as a reference. */
function unescapeXml(source: TextSource, { start, end }: Span, into: Buffer): number {
  const { bytes } = source
  let out = 0
  for (let at = start; at < end; at++) {
    const byte = bytes[at] ?? 0
    if (byte !== ampersand) {
      // A line break of two characters is one (§2.11).
      if (byte === 0x0d && bytes[at + 1] === 0x0a && at + 1 < end) continue
      into[out++] = isSpace(byte) ? 0x20 : byte
      continue
    }
    const semicolon = bytes.subarray(at, Math.min(end, at + referenceBytesMax)).indexOf(0x3b)
    const code = semicolon < 0 ? undefined : referenced(bytes.toString('latin1', at + 1, at + semicolon))
    if (code === undefined) throw source.malformed('a reference to a character that XML does not have', at)
    out += into.write(String.fromCodePoint(code), out, 'utf8')
    at += semicolon
  }
  return out
}

function referenced(name: string): number | undefined {
  if (Object.hasOwn(entities, name)) return entities[name]
  const { hex, decimal } = /^#(?:x(?<hex>[0-9a-fA-F]{1,6})|(?<decimal>\d{1,7}))$/.exec(name)?.groups ?? {}
  const code = hex === undefined ? Number(decimal ?? Number.NaN) : Number.parseInt(hex, 16)
  const isAllowed =
    code === 0x09 ||
    code === 0x0a ||
    code === 0x0d ||
    (code >= 0x20 && code <= 0xd7ff) ||
    (code >= 0xe000 && code <= 0xfffd) ||
    (code >= 0x10000 && code <= 0x10ffff)
  return isAllowed ? code : undefined
}
