// Finds where the records of a TLS connection end: each says its length in its first five bytes (RFC 8446 §5.1). It reads
// nothing else of them.

const headerBytes = 5

export class TlsRecords {
  #header: Buffer = Buffer.alloc(0)
  #leftBytes = 0
  #bytes = 0
  #wholeBytes = 0

  /** How many bytes of the current record are to come, as far as its header has passed. */
  get leftBytes(): number {
    return this.#leftBytes
  }

  /** How many bytes the records have that have passed whole. */
  get wholeBytes(): number {
    return this.#wholeBytes
  }

  pass(bytes: Buffer): void {
    for (let at = 0; at < bytes.length;) {
      const wanted = this.#leftBytes > 0 ? this.#leftBytes : headerBytes - this.#header.length
      const taken = bytes.subarray(at, at + wanted)
      at += taken.length
      this.#bytes += taken.length
      if (this.#leftBytes > 0) this.#leftBytes -= taken.length
      else this.#header = Buffer.concat([this.#header, taken])
      if (this.#header.length === headerBytes) {
        this.#leftBytes = this.#header.readUInt16BE(3)
        this.#header = Buffer.alloc(0)
      }
      if (this.#header.length === 0 && this.#leftBytes === 0) this.#wholeBytes = this.#bytes
    }
  }
}
