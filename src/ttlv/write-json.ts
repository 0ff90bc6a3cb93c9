// Writes TTLV as JSON (KMIP profiles 2.1 §5.5): one object an item. It writes no white space.

import type { Names } from './names.ts'
import { itemsIn, tagText, TextOut, type Found } from './text-out.ts'
import { dateText, enumerationText, hexText, maskText } from './text-value.ts'

/** `message` is well-formed TTLV: one item. The caller overwrites the result. */
export function writeJson(message: Buffer, names: Names): Buffer {
  const out = new TextOut(message.length * 3)
  objects(out, message, names)
  return out.bytes
}

function objects(out: TextOut, bytes: Buffer, names: Names): void {
  let first = true
  for (const item of itemsIn(bytes, names)) {
    const tag = tagText(item.tag, names)
    out.ascii(first ? `{"tag":"${tag}"` : `,{"tag":"${tag}"`)
    first = false
    if (item.type !== 'Structure') {
      out.ascii(`,"type":"${item.type}","value":`)
      content(out, item)
    } else {
      out.ascii(',"value":[')
      objects(out, item.value, names)
      out.ascii(']')
    }
    out.ascii('}')
  }
}

function content(out: TextOut, { type, value, names }: Found): void {
  switch (type) {
    case 'ByteString':
    case 'BigInteger':
      out.ascii(type === 'BigInteger' ? '"0x' : '"')
      out.hex(value)
      return out.ascii('"')
    case 'TextString':
    case 'Identifier':
    case 'Reference':
    case 'NameReference':
      return text(out, value)
    case 'Integer':
      return out.ascii(integer(value.readInt32BE(), names))
    case 'Enumeration':
      return out.ascii(`"${enumerationText(value.readUInt32BE(), names)}"`)
    case 'Interval':
      return out.ascii(String(value.readUInt32BE()))
    case 'Boolean':
      return out.ascii(String(value.readBigInt64BE() !== 0n))
    case 'LongInteger':
    case 'DateTimeExtended':
      return out.ascii(long(value.readBigInt64BE()))
    case 'DateTime':
      return out.ascii(`"${dateText(value.readBigInt64BE())}"`)
    case 'Structure':
      break
  }
}

function integer(bits: number, names: Found['names']): string {
  return names?.bits && bits !== 0 ? `"${maskText(bits, names, '|')}"` : String(bits)
}

/** Numbers from 2^52 on are hexadecimal: JavaScript would round them. */
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

function text(out: TextOut, value: Buffer): void {
  out.ascii('"')
  for (const byte of value) {
    const escape = short.get(byte)
    if (escape !== undefined) out.ascii(escape)
    else if (byte < 0x20) out.ascii(String.raw`\u` + byte.toString(16).padStart(4, '0'))
    else out.byte(byte)
  }
  out.ascii('"')
}
