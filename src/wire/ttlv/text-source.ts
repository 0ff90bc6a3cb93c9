// The readers of XML and JSON share this: the bytes of the text, the place in it, and, for errors, the names of the items around
// that place. The depth is bounded here, and the receiver bounds the text. Only names and values that are not secret become
// strings.

import { isUtf8 } from 'node:buffer'
import { structureDepthMax } from '../../base/bounds.ts'
import type { Parts } from '../../base/parts.ts'
import { TtlvError, type TtlvErrorCode } from './error.ts'
import { ItemWriter } from './item-writer.ts'
import type { Names, ValueNames } from './names.ts'
import { isDigitsType, pieceBytes, readDigits, readValue } from './text-value.ts'
import { isTextType, itemTypeNames, itemTypes, type ItemType } from './wire.ts'

/** A range of characters in the text. `escaped`: it holds escapes or references. */
export interface Span {
  readonly start: number
  readonly end: number
  readonly escaped: boolean
}

/** Writes the unescaped characters of a span into `into`, which is as long as the span. Returns how many bytes it wrote. */
export type Unescape = (source: TextSource, span: Span, into: Buffer) => Parts<number>

/** A longer word is not a name. */
export const nameBytesMax = 128

/** The place of an item in the path while its tag is unknown. */
export const unnamed = '?'

/** Facts that earlier items of a structure state about later ones. */
export interface Around {
  /** The value names of an item, as an earlier item determines them (Names.pair). */
  named?: ValueNames | undefined
}

/** An item that is not a structure. */
export interface Single {
  readonly tag: number
  readonly type: Exclude<ItemType, 'Structure'>
  readonly around: Around
}

/** The unescaped characters of a value, from `start` to `end`. */
interface Characters {
  readonly from: Buffer
  readonly start: number
  readonly end: number
}

/** Reads a whole text into one item. Throws TtlvError with the place in the text. */
export function* readText(
  text: Uint8Array,
  names: Names,
  language: string,
  read: (source: TextSource) => Parts<void>,
): Parts<Buffer> {
  const source = new TextSource(text, names)
  try {
    if (!isUtf8(text)) throw source.malformed('the text is not UTF-8', 0)
    yield* read(source)
    return source.writer.bytes
  } catch (error) {
    source.writer.wipe()
    if (!(error instanceof TtlvError)) throw error
    const offset = error.path === '' ? source.at : error.offset
    const what = `${error.message} (byte ${offset + 1} of the ${language})`
    throw new TtlvError(error.code, what, {
      path: source.path.filter((name) => name !== unnamed).join('.'),
      offset,
    })
  }
}

export class TextSource {
  readonly bytes: Buffer
  readonly names: Names
  readonly writer = new ItemWriter()
  /** The names of the items around the current place, outermost first. */
  readonly path: string[] = []
  at = 0
  #pauseAt = pieceBytes

  constructor(text: Uint8Array, names: Names) {
    this.bytes = Buffer.from(text.buffer, text.byteOffset, text.byteLength)
    this.names = names
  }

  /** The current byte. 0 at the end, since no text may hold a 0. */
  get next(): number {
    return this.bytes[this.at] ?? 0
  }

  /** Whether reading should pause now. True once for each stretch of text. */
  pauseIsDue(): boolean {
    if (this.at < this.#pauseAt) return false
    this.#pauseAt = this.at + pieceBytes
    return true
  }

  /** XML and JSON have the same white space. */
  skipSpace(): void {
    const { bytes } = this
    let { at } = this
    while (at < bytes.length && isSpace(bytes[at] ?? 0)) at++
    this.at = at
  }

  error(code: TtlvErrorCode, what: string, at = this.at): TtlvError {
    this.at = at
    return new TtlvError(code, what, { path: '', offset: at })
  }

  malformed(what: string, at?: number): TtlvError {
    return this.error('malformed', what, at)
  }

  /** Checks the current byte and moves behind it. */
  expect(byte: number, what: string): void {
    if (this.next !== byte) throw this.malformed(what)
    this.at++
  }

  /** The characters of a name, or of another short word without escapes. */
  nameIn({ start, end, escaped }: Span): string {
    if (escaped || end - start > nameBytesMax)
      throw this.malformed('a name that is too long, or escaped', start)
    return this.bytes.toString('latin1', start, end)
  }

  checkDepth(depth: number): void {
    if (depth > structureDepthMax) throw this.error('too-deep', 'structures are nested too deep')
  }

  /** The number of a tag: its name, or 0x and six digits. */
  tagOf(text: string): number {
    if (/^0x[0-9a-fA-F]{6}$/.test(text)) return Number(text)
    const tag = this.names.tagOf(text)
    if (tag === undefined) throw this.error('unknown-field', 'no version of KMIP has a tag of this name')
    return tag
  }

  typeOf(text: string): ItemType {
    const type = /^0x0?[1-9a-fA-F]$/.test(text)
      ? itemTypeNames[Number(text)]
      : isItemType(text)
        ? text
        : undefined
    if (type === undefined) throw this.malformed('there is no item type of this name')
    return type
  }

  /** Writes an item that is not a structure. `unescape` reads its span. */
  *value(item: Single, span: Span, unescape: Unescape): Parts<void> {
    const scratch = span.escaped ? Buffer.alloc(span.end - span.start) : undefined
    try {
      const end = scratch ? yield* unescape(this, span, scratch) : span.end
      const characters = scratch ? { from: scratch, start: 0, end } : { ...span, from: this.bytes }
      const { tag, type } = item
      if (isDigitsType(type)) yield* readDigits(this.writer, { tag, type, ...characters })
      else this.#write(item, characters)
    } finally {
      scratch?.fill(0)
    }
  }

  /** Writes the item if that takes no pause. Returns whether it did. If not, `value` writes it. */
  shortValue(item: Single, { start, end, escaped }: Span): boolean {
    const isShort = !escaped && !isDigitsType(item.type)
    if (isShort) this.#write(item, { from: this.bytes, start, end })
    return isShort
  }

  #write({ tag, type, around }: Single, { from, start, end }: Characters): void {
    const { writer, names } = this
    if (isTextType(type)) {
      from.copy(writer.room(tag, type, end - start), 0, start, end)
      if (tag === names.pair.name)
        around.named = names.pair.valuesOf(from.toString('utf8', start, end).trim())
    } else if (!isDigitsType(type)) {
      const values = tag === names.pair.value ? around.named : names.valuesOf(tag)
      readValue(writer, { tag, type, names: values, from, start, end })
    }
  }
}

/** Writes a character as UTF-8 and returns the position behind it. */
export function writeCharacter(code: number, into: Buffer, at: number): number {
  if (code < 0x80) {
    into[at++] = code
    return at
  }
  let shift = code < 0x800 ? 6 : code < 0x10000 ? 12 : 18
  const lead = shift === 6 ? 0xc0 : shift === 12 ? 0xe0 : 0xf0
  into[at++] = lead | (code >> shift)
  while ((shift -= 6) >= 0) into[at++] = 0x80 | ((code >> shift) & 0x3f)
  return at
}

export function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
}

function isItemType(text: string): text is ItemType {
  return Object.hasOwn(itemTypes, text)
}
