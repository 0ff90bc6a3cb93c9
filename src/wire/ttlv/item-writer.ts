// Writes items one after the other, without a schema. The readers of XML and JSON make TTLV with it. It is bounded in bytes, and
// so in items. The buffer may hold keys, so it is overwritten when it grows, and by `wipe`.

import { messageBytesMax } from '../../base/bounds.ts'
import { TtlvError } from './error.ts'
import { headerBytes, itemTypes, paddedBytes, type ItemType } from './wire.ts'

const firstBytes = 1_024

export class ItemWriter {
  #buffer: Buffer = Buffer.alloc(firstBytes)
  #at = 0

  /** The items written so far. The caller owns the bytes when it writes nothing more. */
  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#at)
  }

  wipe(): void {
    this.#buffer.fill(0)
  }

  /** Begins a structure. `close` sets its tag later. Returns its position. */
  open(): number {
    return this.#header(0, 'Structure', 0)
  }

  close(place: number, tag: number): void {
    this.#buffer.writeUIntBE(tag, place, 3)
    this.#buffer.writeUInt32BE(this.#at - place - headerBytes, place + 4)
  }

  /** For Integer, Enumeration and Interval. The lowest 32 bits of `bits` are the value. */
  word(tag: number, type: ItemType, bits: number): void {
    const at = this.#header(tag, type, 4)
    this.#buffer.writeInt32BE(bits | 0, at + headerBytes)
  }

  /** For Long Integer, Date-Time, Boolean and Date-Time Extended. */
  long(tag: number, type: ItemType, value: bigint): void {
    const at = this.#header(tag, type, 8)
    this.#buffer.writeBigInt64BE(BigInt.asIntN(64, value), at + headerBytes)
  }

  /** Makes room for a value of `lengthBytes` zero bytes and returns it. The caller fills it at once. */
  room(tag: number, type: ItemType, lengthBytes: number): Buffer {
    const at = this.#header(tag, type, lengthBytes) + headerBytes
    return this.#buffer.subarray(at, at + lengthBytes)
  }

  #header(tag: number, type: ItemType, lengthBytes: number): number {
    const place = this.#at
    this.#ensure(headerBytes + paddedBytes(lengthBytes))
    this.#buffer.writeUIntBE(tag, place, 3)
    this.#buffer[place + 3] = itemTypes[type]
    this.#buffer.writeUInt32BE(lengthBytes, place + 4)
    this.#at += headerBytes + paddedBytes(lengthBytes)
    return place
  }

  #ensure(moreBytes: number): void {
    const neededBytes = this.#at + moreBytes
    if (neededBytes > messageBytesMax) {
      const what = `the message has more than ${messageBytesMax} bytes in TTLV`
      throw new TtlvError('too-large', what, { path: '', offset: this.#at })
    }
    if (neededBytes <= this.#buffer.length) return
    const larger = Buffer.alloc(Math.min(messageBytesMax, Math.max(neededBytes, this.#buffer.length * 2)))
    this.#buffer.copy(larger, 0, 0, this.#at)
    this.#buffer.fill(0)
    this.#buffer = larger
  }
}
