// The output buffer for XML and JSON, and the walk over TTLV that both writers use. The output is bytes and not a string, since
// it may hold a key, which must be overwritten later.

import type { Parts } from '../../base/parts.ts'
import type { Names, ValueNames } from './names.ts'
import { pieceBytes } from './text-value.ts'
import { headerBytes, itemTypeNames, paddedBytes, type ItemType } from './wire.ts'

const hexDigits = Buffer.from('0123456789abcdef')

/** The bytes to write instead of the byte at `at`. Undefined: the byte itself. */
export type EscapeAt = (text: Buffer, at: number) => Buffer | undefined

/** The escape of each byte, in a table. */
export function escapesOf(escapeOf: (byte: number) => string | undefined): readonly (Buffer | undefined)[] {
  return Array.from({ length: 256 }, (_, byte) => {
    const text = escapeOf(byte)
    return text === undefined ? undefined : Buffer.from(text)
  })
}

export class TextOut {
  #buffer: Buffer
  #at = 0
  #pauseAt = pieceBytes

  constructor(firstBytes: number) {
    this.#buffer = Buffer.alloc(firstBytes)
  }

  /** The text so far. The caller owns and overwrites it. */
  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#at)
  }

  /** Writes text that is not secret. */
  ascii(text: string): void {
    this.#ensure(text.length)
    this.#at += this.#buffer.write(text, this.#at, 'latin1')
  }

  byte(byte: number): void {
    this.#ensure(1)
    this.#buffer[this.#at++] = byte
  }

  /** Whether writing should pause now. True once for each stretch of text. */
  pauseIsDue(): boolean {
    if (this.#at < this.#pauseAt) return false
    this.#pauseAt = this.#at + pieceBytes
    return true
  }

  *hex(bytes: Buffer): Parts<void> {
    for (let at = 0; at < bytes.length; at += pieceBytes) {
      if (at > 0) yield
      this.#hexPiece(bytes.subarray(at, at + pieceBytes))
    }
  }

  #hexPiece(bytes: Buffer): void {
    this.#ensure(bytes.length * 2)
    for (const byte of bytes) {
      this.#buffer[this.#at++] = hexDigits[byte >> 4] ?? 0
      this.#buffer[this.#at++] = hexDigits[byte & 15] ?? 0
    }
  }

  /** Writes a text, with the escapes of some of its bytes. */
  *text(bytes: Buffer, escapeAt: EscapeAt): Parts<void> {
    for (let at = 0; at < bytes.length; at += pieceBytes) {
      if (at > 0) yield
      this.#textPiece(bytes, at, escapeAt)
    }
  }

  #textPiece(bytes: Buffer, from: number, escapeAt: EscapeAt): void {
    const to = Math.min(bytes.length, from + pieceBytes)
    for (let at = from; at < to; at++) {
      const escape = escapeAt(bytes, at)
      if (escape === undefined) this.byte(bytes[at] ?? 0)
      else this.#bytes(escape)
    }
  }

  #bytes(bytes: Buffer): void {
    this.#ensure(bytes.length)
    for (const byte of bytes) this.#buffer[this.#at++] = byte
  }

  #ensure(moreBytes: number): void {
    if (this.#at + moreBytes <= this.#buffer.length) return
    const larger = Buffer.alloc(Math.max(this.#at + moreBytes, this.#buffer.length * 2))
    this.#buffer.copy(larger, 0, 0, this.#at)
    this.#buffer.fill(0)
    this.#buffer = larger
  }
}

/** One item of TTLV. */
export interface WireItem {
  readonly tag: number
  readonly type: ItemType
  /** The value, without padding. */
  readonly value: Buffer
  /** The names of its values. Undefined: it has none. */
  readonly names: ValueNames | undefined
}

/**
 * The items in `bytes`, one after the other. RangeError for bytes that are not well formed, which is a bug, since this program
 * encoded them.
 */
export function* itemsIn(bytes: Buffer, names: Names): Generator<WireItem> {
  let named: ValueNames | undefined
  for (let at = 0; at < bytes.length;) {
    const tag = bytes.readUIntBE(at, 3)
    const type = itemTypeNames[bytes.readUInt8(at + 3)]
    const lengthBytes = bytes.readUInt32BE(at + 4)
    const start = at + headerBytes
    at = start + paddedBytes(lengthBytes)
    if (type === undefined || at > bytes.length) throw new RangeError('this is not TTLV')
    const value = bytes.subarray(start, start + lengthBytes)
    if (tag === names.pair.name && type === 'TextString') named = names.pair.valuesOf(value.toString())
    yield { tag, type, value, names: tag === names.pair.value ? named : names.valuesOf(tag) }
  }
}

/** The text of a tag: its name, or its number. */
export function tagText(tag: number, names: Names): string {
  return names.tagName(tag) ?? `0x${tag.toString(16).toUpperCase().padStart(6, '0')}`
}
