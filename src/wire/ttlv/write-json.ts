// Writes TTLV as JSON (KMIP profiles 2.1 §5.5): one object for each item. It writes no white space.

import type { Parts } from '../../base/parts.ts'
import type { Names } from './names.ts'
import { escapesOf, itemsIn, tagText, TextOut, type WireItem } from './text-out.ts'
import { dateText, enumerationText, hexText, maskText } from './text-value.ts'

/** `message` is one well-formed item. The caller overwrites the result. */
export function* writeJson(message: Buffer, names: Names): Parts<Buffer> {
  const out = new TextOut(message.length * 3)
  yield* objects(out, message, names)
  return out.bytes
}

function* objects(out: TextOut, bytes: Buffer, names: Names): Parts<void> {
  let first = true
  for (const item of itemsIn(bytes, names)) {
    if (out.pauseIsDue()) yield
    const tag = tagText(item.tag, names)
    out.ascii(first ? `{"tag":"${tag}"` : `,{"tag":"${tag}"`)
    first = false
    if (item.type !== 'Structure') {
      out.ascii(`,"type":"${item.type}","value":`)
      const parts = content(out, item)
      if (parts) yield* parts
    } else {
      out.ascii(',"value":[')
      yield* objects(out, item.value, names)
      out.ascii(']')
    }
    out.ascii('}')
  }
}

/** Writes the value. If it is long, returns the parts that write it. */
function content(out: TextOut, { type, value, names }: WireItem): Parts<void> | undefined {
  switch (type) {
    case 'ByteString':
    case 'BigInteger':
      return quoted(out, type === 'BigInteger' ? '"0x' : '"', out.hex(value))
    case 'TextString':
    case 'Identifier':
    case 'Reference':
    case 'NameReference':
      return quoted(out, '"', out.text(value, escapeAt))
    case 'Integer':
      out.ascii(integer(value.readInt32BE(), names))
      break
    case 'Enumeration':
      out.ascii(`"${enumerationText(value.readUInt32BE(), names)}"`)
      break
    case 'Interval':
      out.ascii(String(value.readUInt32BE()))
      break
    case 'Boolean':
      out.ascii(String(value.readBigInt64BE() !== 0n))
      break
    case 'LongInteger':
    case 'DateTimeExtended':
      out.ascii(long(value.readBigInt64BE()))
      break
    case 'DateTime':
      out.ascii(`"${dateText(value.readBigInt64BE())}"`)
      break
    case 'Structure':
      break
  }
  return undefined
}

function integer(bits: number, names: WireItem['names']): string {
  return names?.bits && bits !== 0 ? `"${maskText(bits, names, '|')}"` : String(bits)
}

/** Numbers from 2^52 on are hexadecimal, since JavaScript would round them. */
function long(value: bigint): string {
  return value > -exact && value < exact ? String(value) : `"${hexText(value, 64)}"`
}

const exact = 2n ** 52n

const short: ReadonlyMap<number, string> = new Map([
  [0x22, String.raw`\"`],
  [0x5c, String.raw`\\`],
  [0x0a, String.raw`\n`],
  [0x0d, String.raw`\r`],
  [0x09, String.raw`\t`],
])
const escapes = escapesOf((byte) => short.get(byte) ?? (byte < 0x20 ? unicodeEscape(byte) : undefined))

function unicodeEscape(byte: number): string {
  return String.raw`\u` + byte.toString(16).padStart(4, '0')
}

function escapeAt(text: Buffer, at: number): Buffer | undefined {
  return escapes[text[at] ?? 0]
}

function* quoted(out: TextOut, before: string, parts: Parts<void>): Parts<void> {
  out.ascii(before)
  yield* parts
  out.ascii('"')
}
