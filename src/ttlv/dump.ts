// An item as text for people: one line an item, structures indented. What its names are is for others to say, and
// which values are secret: those, and all within them, are shown by their size only.

import { decode } from './decode.ts'
import { any } from './schema.ts'
import type { AnyValue } from './schema.ts'

export interface DumpNames {
  tag(code: number): string | undefined
  /** Of an enumeration's value. */
  value(tag: number, code: number): string | undefined
  isSecret(tag: number): boolean
}

/** Throws TtlvError when the bytes are no item. */
export function dump(bytes: Uint8Array, names: DumpNames): string {
  const tag = bytes.length < 3 ? 0 : Buffer.from(bytes.subarray(0, 3)).readUIntBE(0, 3)
  // Nothing in an item of unknown meaning depends on a version.
  return lines(tag, decode(any, bytes, { tag, version: 0 }), names, false, '').join('\n')
}

function lines(tag: number, item: AnyValue, names: DumpNames, within: boolean, indent: string): string[] {
  const secret = within || names.isSecret(tag)
  const name = names.tag(tag) ?? tag.toString(16).padStart(6, '0')
  if (item.type !== 'Structure') {
    return [`${indent}${name} (${item.type}): ${secret ? hidden(item) : shown(tag, item, names)}`]
  }
  const inside = item.value.flatMap((child) => lines(child.tag, child.item, names, secret, `${indent}  `))
  return [`${indent}${name}`, ...inside]
}

function shown(tag: number, item: Exclude<AnyValue, { type: 'Structure' }>, names: DumpNames): string {
  const { type, value } = item
  if (type === 'Enumeration') return names.value(tag, value) ?? `0x${value.toString(16).padStart(8, '0')}`
  if (type === 'TextString') return JSON.stringify(value)
  if (type === 'ByteString') return Buffer.from(value).toString('hex')
  const isDate = type === 'DateTime' && -dateSecondsMax <= value && value <= dateSecondsMax
  return isDate ? new Date(Number(value) * 1000).toISOString() : `${value}`
}

/** How long it is, where that says little about the value. */
function hidden(item: AnyValue): string {
  return item.type === 'ByteString' ? `(hidden, ${item.value.length} bytes)` : '(hidden)'
}

/** What a Date can hold (ECMAScript, Time Values). */
const dateSecondsMax = 8_640_000_000_000n
