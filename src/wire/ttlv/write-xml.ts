// Writes TTLV as XML (KMIP profiles 2.1 §5.6): one element for each item. It writes no white space between elements.

import type { Parts } from '../../base/parts.ts'
import type { Names } from './names.ts'
import { escapesOf, itemsIn, tagText, TextOut, type WireItem } from './text-out.ts'
import { dateText, enumerationText, maskText } from './text-value.ts'

/** `message` is well-formed TTLV. The caller overwrites the result. */
export function* writeXml(message: Buffer, names: Names): Parts<Buffer> {
  const out = new TextOut(message.length * 3)
  out.ascii('<?xml version="1.0" encoding="UTF-8"?>\n')
  yield* elements(out, message, names)
  return out.bytes
}

function* elements(out: TextOut, bytes: Buffer, names: Names): Parts<void> {
  for (const item of itemsIn(bytes, names)) {
    if (out.pauseIsDue()) yield
    const { tag, type, value } = item
    const name = names.tagName(tag)
    out.ascii(name === undefined ? `<TTLV tag="${tagText(tag, names)}"` : `<${name}`)
    if (type !== 'Structure') {
      out.ascii(` type="${type}" value="`)
      const parts = content(out, item)
      if (parts) yield* parts
      out.ascii('"/>')
    } else if (value.length === 0) {
      out.ascii('/>')
    } else {
      out.ascii('>')
      yield* elements(out, value, names)
      out.ascii(`</${name ?? 'TTLV'}>`)
    }
  }
}

/** Writes the value. If it is long, returns the parts that write it. */
function content(out: TextOut, { type, value, names }: WireItem): Parts<void> | undefined {
  switch (type) {
    case 'ByteString':
    case 'BigInteger':
      return out.hex(value)
    case 'TextString':
    case 'Identifier':
    case 'Reference':
    case 'NameReference':
      return out.text(value, escapeAt)
    case 'Integer':
      out.ascii(names?.bits ? maskText(value.readInt32BE(), names, ' ') || '0' : String(value.readInt32BE()))
      break
    case 'Enumeration':
      out.ascii(enumerationText(value.readUInt32BE(), names))
      break
    case 'Interval':
      out.ascii(String(value.readUInt32BE()))
      break
    case 'Boolean':
      out.ascii(String(value.readBigInt64BE() !== 0n))
      break
    case 'LongInteger':
    case 'DateTimeExtended':
      out.ascii(String(value.readBigInt64BE()))
      break
    case 'DateTime':
      out.ascii(dateText(value.readBigInt64BE()))
      break
    case 'Structure':
      break
  }
  return undefined
}

const named: ReadonlyMap<number, string> = new Map([
  [0x26, '&amp;'],
  [0x3c, '&lt;'],
  [0x3e, '&gt;'],
  [0x22, '&quot;'],
  [0x09, '&#9;'],
  [0x0a, '&#10;'],
  [0x0d, '&#13;'],
])

/** XML 1.0 allows no control characters, not even as references. U+FFFD replaces them, and U+FFFE and U+FFFF. */
const escapes = escapesOf((byte) => named.get(byte) ?? (byte < 0x20 ? '\uFFFD' : undefined))
const lastOfReplacement = Buffer.from('\uFFFD').subarray(2)

function escapeAt(text: Buffer, at: number): Buffer | undefined {
  const byte = text[at] ?? 0
  const endsNoCharacter = (byte | 1) === 0xbf && text[at - 1] === 0xbf && text[at - 2] === 0xef
  return endsNoCharacter ? lastOfReplacement : escapes[byte]
}
