// Writes TTLV as XML (KMIP profiles 2.1 §5.6): one element an item. It writes no white space between elements.

import type { Names } from './names.ts'
import { itemsIn, tagText, TextOut, type Found } from './text-out.ts'
import { dateText, enumerationText, maskText } from './text-value.ts'

/** `message` is well-formed TTLV. The caller overwrites the result. */
export function writeXml(message: Buffer, names: Names): Buffer {
  const out = new TextOut(message.length * 3)
  out.ascii('<?xml version="1.0" encoding="UTF-8"?>\n')
  elements(out, message, names)
  return out.bytes
}

function elements(out: TextOut, bytes: Buffer, names: Names): void {
  for (const item of itemsIn(bytes, names)) {
    const { tag, type, value } = item
    const name = names.tagName(tag)
    out.ascii(name === undefined ? `<TTLV tag="${tagText(tag, names)}"` : `<${name}`)
    if (type !== 'Structure') {
      out.ascii(` type="${type}" value="`)
      content(out, item)
      out.ascii('"/>')
    } else if (value.length === 0) {
      out.ascii('/>')
    } else {
      out.ascii('>')
      elements(out, value, names)
      out.ascii(`</${name ?? 'TTLV'}>`)
    }
  }
}

function content(out: TextOut, { type, value, names }: Found): void {
  switch (type) {
    case 'ByteString':
    case 'BigInteger':
      return out.hex(value)
    case 'TextString':
    case 'Identifier':
    case 'Reference':
    case 'NameReference':
      return text(out, value)
    case 'Integer':
      return out.ascii(
        names?.bits ? maskText(value.readInt32BE(), names, ' ') || '0' : String(value.readInt32BE()),
      )
    case 'Enumeration':
      return out.ascii(enumerationText(value.readUInt32BE(), names))
    case 'Interval':
      return out.ascii(String(value.readUInt32BE()))
    case 'Boolean':
      return out.ascii(String(value.readBigInt64BE() !== 0n))
    case 'LongInteger':
    case 'DateTimeExtended':
      return out.ascii(String(value.readBigInt64BE()))
    case 'DateTime':
      return out.ascii(dateText(value.readBigInt64BE()))
    case 'Structure':
      break
  }
}

const escapes: ReadonlyMap<number, string> = new Map([
  [0x26, '&amp;'],
  [0x3c, '&lt;'],
  [0x3e, '&gt;'],
  [0x22, '&quot;'],
  [0x09, '&#9;'],
  [0x0a, '&#10;'],
  [0x0d, '&#13;'],
])

/** XML 1.0 has no control characters, not even as references: U+FFFD stands for one, and for U+FFFE and U+FFFF. */
function text(out: TextOut, value: Buffer): void {
  for (let at = 0; at < value.length; at++) {
    const byte = value[at] ?? 0
    const escape = escapes.get(byte)
    const isNoCharacter = byte === 0xef && value[at + 1] === 0xbf && (value[at + 2] ?? 0) >= 0xbe
    if (escape !== undefined) out.ascii(escape)
    else if (byte < 0x20) out.ascii(replacement)
    else if (isNoCharacter) {
      out.ascii(replacement)
      at += 2
    } else out.byte(byte)
  }
}

/** The bytes of U+FFFD in UTF-8, one character each. */
const replacement = '\u00EF\u00BF\u00BD'
