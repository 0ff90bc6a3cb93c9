// Detects a connection whose records bring too little data: key updates (RFC 8446 §4.6.3) or attempts at renegotiation. TLS answers each
// of these by itself, which takes the thread's time, and memory while the peer reads no answers. Each byte of data allows for many bytes
// of records, so a client that sends small records passes. This file only counts.

import type { ListenerLimits } from './listener-limits.ts'

type Limits = Pick<ListenerLimits, 'tlsOverheadBytesMax' | 'tlsBytesPerDataByte' | 'helloBytesMax'>

export class TlsOverhead {
  readonly #bytesMax: number
  readonly #perDataByte: number
  #spareBytes: number
  #readBytes: number
  #dataBytes = 0

  /** `readBytes`: the bytes of the handshake. `wholeRecords`: whether the caller counts bytes only once their record is whole. */
  constructor(limits: Limits, readBytes: number, wholeRecords: boolean) {
    this.#bytesMax = limits.tlsOverheadBytesMax + (wholeRecords ? 0 : limits.helloBytesMax)
    this.#perDataByte = limits.tlsBytesPerDataByte
    this.#spareBytes = this.#bytesMax
    this.#readBytes = readBytes
  }

  /** Whether the data pays for the bytes that TLS has read. Both numbers count from the beginning of the connection. */
  bears(readBytes: number, dataBytes: number): boolean {
    const paidBytes = (dataBytes - this.#dataBytes) * this.#perDataByte
    const spareBytes = this.#spareBytes + paidBytes - (readBytes - this.#readBytes)
    this.#spareBytes = Math.min(this.#bytesMax, spareBytes)
    this.#readBytes = readBytes
    this.#dataBytes = dataBytes
    return this.#spareBytes >= 0
  }
}
