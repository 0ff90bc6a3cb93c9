// A TTLV item as text for the vectors in test/vectors/ttlv: one line an item, structures indented.

import { decode } from '../../../src/wire/ttlv/decode.ts'
import { any, type AnyValue } from '../../../src/wire/ttlv/schema.ts'

/** Throws TtlvError when the bytes are no item. */
export function showItem(bytes: Uint8Array): string[] {
  const tag = bytes.length < 3 ? 0 : Buffer.from(bytes.subarray(0, 3)).readUIntBE(0, 3)
  return lines(tag, decode(any, bytes, { tag, version: 0 }), '')
}

function lines(tag: number, item: AnyValue, indent: string): string[] {
  const name = `${indent}${tag.toString(16).padStart(6, '0')}`
  if (item.type !== 'Structure') return [`${name} (${item.type}): ${shown(item)}`]
  return [name, ...item.value.flatMap((child) => lines(child.tag, child.item, `${indent}  `))]
}

function shown({ type, value }: Exclude<AnyValue, { type: 'Structure' }>): string {
  if (type === 'Enumeration') return `0x${value.toString(16).padStart(8, '0')}`
  if (type === 'TextString') return JSON.stringify(value)
  if (type === 'ByteString') return Buffer.from(value).toString('hex')
  const isDate = type === 'DateTime' && -dateSecondsMax <= value && value <= dateSecondsMax
  return isDate ? new Date(Number(value) * 1000).toISOString() : String(value)
}

/** The range of a Date (ECMAScript, Time Values). */
const dateSecondsMax = 8_640_000_000_000n
