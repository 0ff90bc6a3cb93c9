// Tells a connection whose records bring no data: key updates (RFC 8446 §4.6.3), attempts at renegotiation. TLS answers each by
// itself, which takes the thread's time, and memory while the peer reads no answer. Data pays for the records that carry it,
// however little is in each. It only counts.

import type { ListenerLimits } from './listener-limits.ts'

type Limits = Pick<ListenerLimits, 'tlsOverheadBytesMax' | 'tlsBytesPerDataByte' | 'helloBytesMax'>

export class TlsOverhead {
  readonly #bytesMax: number
  readonly #perDataByte: number
  #spareBytes: number
  #readBytes: number
  #dataBytes = 0

  /** `readBytes`: of the handshake. `wholeRecords`: bytes are counted once their record is whole. */
  constructor(limits: Limits, readBytes: number, wholeRecords: boolean) {
    this.#bytesMax = limits.tlsOverheadBytesMax + (wholeRecords ? 0 : limits.helloBytesMax)
    this.#perDataByte = limits.tlsBytesPerDataByte
    this.#spareBytes = this.#bytesMax
    this.#readBytes = readBytes
  }

  /** Whether that is in order. Both are counted from the beginning of the connection. */
  bears(readBytes: number, dataBytes: number): boolean {
    const paidBytes = (dataBytes - this.#dataBytes) * this.#perDataByte
    const spareBytes = this.#spareBytes + paidBytes - (readBytes - this.#readBytes)
    this.#spareBytes = Math.min(this.#bytesMax, spareBytes)
    this.#readBytes = readBytes
    this.#dataBytes = dataBytes
    return this.#spareBytes >= 0
  }
}
