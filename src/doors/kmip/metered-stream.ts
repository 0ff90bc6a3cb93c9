// The raw connection of an unknown peer, as a stream that TLS reads instead of the socket. During the handshake, bytes reach OpenSSL only
// in the connection's turn, within one call whose cost the caller can measure, and never more than a handshake may have. After the
// handshake, bytes pass as they arrive, a few records at a time, because a record of a few bytes may cost as much as a request. The stream
// costs a tenth of a handshake, so known peers do without it.

import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'

export interface MeteredStreamOptions {
  /** The bytes that were already read from the socket. */
  readonly first: Buffer
  /** The bound on the peer's handshake bytes, `first` included. */
  readonly handshakeBytesMax: number
  /**
   * After the server has ended its side, the stream discards what still arrives. Beyond this bound it cuts the connection.
   */
  readonly lingerBytesMax: number
  /** Called when bytes wait for `feed`, once until the next `feed`. */
  onHolding(): void
  /** Called when the handshake has more bytes than it may have. The stream does not close the connection. */
  onTooLong(): void
  /** Called after the handshake, each time that TLS has read more. `bytes`: all whole records that it has read of the connection. */
  onRead(bytes: number): void
}

/** The bytes that TLS reads at a time, unless one record is longer. */
const pieceBytes = 1_024

export class MeteredStream extends Duplex {
  readonly #raw: Socket
  readonly #options: MeteredStreamOptions
  readonly #records = new TlsRecords()
  #held: Buffer
  #fedBytes = 0
  #lingeredBytes = 0
  #open = false
  #peerEnded = false

  constructor(raw: Socket, options: MeteredStreamOptions) {
    // Until the handshake is done, the end of the peer ends the connection. This stream does that, not the raw socket.
    super({ allowHalfOpen: false })
    raw.allowHalfOpen = true
    this.#raw = raw
    this.#options = options
    this.#held = options.first
    raw.on('data', (chunk: Buffer) => this.#receive(chunk))
    raw.on('end', () => this.#onPeerEnd())
    raw.on('close', () => this.destroy())
    raw.pause()
    // The stream buffers nothing: while TLS does not read, the stream does not read the socket.
    this.on('pause', () => raw.pause())
    this.on('resume', () => {
      if (this.#open) this.#pass()
    })
  }

  /** Whether bytes wait until TLS may read them. */
  get holding(): boolean {
    return this.#held.length > 0
  }

  get heldBytes(): number {
    return this.#held.length
  }

  /** The number of bytes that the peer has sent of its handshake. */
  get handshakeBytes(): number {
    return this.#fedBytes + this.#held.length
  }

  /**
   * Lets TLS read the held bytes within this call. The stream must have been flowing since the last turn of the event loop.
   */
  feed(): void {
    if (this.destroyed) return
    if (!this.#open) {
      const piece = this.#held.subarray(0, this.#options.handshakeBytesMax - this.#fedBytes)
      this.#held = this.#held.subarray(piece.length)
      this.#fedBytes += piece.length
      this.#records.pass(piece)
      this.push(piece)
    }
    if (this.destroyed) return
    if (this.#open) this.#pass()
    else if (this.holding) this.#options.onTooLong()
    else if (this.#peerEnded) this.push(null)
    else this.#raw.resume()
  }

  /** The handshake is done. TLS causes this call from within `feed`. */
  open(): void {
    this.#open = true
    this.allowHalfOpen = true
  }

  /** Passes on the bytes that came with the end of the handshake, and all later ones, while TLS reads. */
  #pass(): void {
    while (this.holding && !this.isPaused() && !this.writableEnded && !this.destroyed) {
      const piece = this.#held.subarray(0, Math.max(pieceBytes, this.#records.leftBytes))
      this.#held = this.#held.subarray(piece.length)
      this.#records.pass(piece)
      this.push(piece)
      this.#options.onRead(this.#records.wholeBytes)
    }
    if (this.writableEnded) this.#discard()
    if (this.holding || this.destroyed) return
    if (this.#peerEnded) this.push(null)
    else if (!this.isPaused()) this.#raw.resume()
  }

  #receive(chunk: Buffer): void {
    const holding = this.holding
    this.#held = holding ? Buffer.concat([this.#held, chunk]) : chunk
    if (this.#open || this.writableEnded) this.#pass()
    else {
      this.#raw.pause()
      if (!holding) this.#options.onHolding()
    }
  }

  /** Discards the held bytes. TLS must not read them: it may want to answer, and Node's wrapper of streams fails on an answer after the end. */
  #discard(): void {
    this.#lingeredBytes += this.#held.length
    this.#held = Buffer.alloc(0)
    if (this.#lingeredBytes > this.#options.lingerBytesMax) this.destroy()
  }

  #onPeerEnd(): void {
    this.#peerEnded = true
    if (!this.holding) this.push(null)
  }

  override _read(): void {
    // The listeners of the raw socket push the bytes.
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#raw.write(chunk, done)
  }

  override _final(done: () => void): void {
    this.#raw.end(() => done())
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#raw.destroy()
    done(error)
  }
}

const headerBytes = 5

/** Finds where the records of a TLS connection end, and reads nothing else of them: the first five bytes of a record say its length (RFC 8446 §5.1). */
class TlsRecords {
  #header: Buffer = Buffer.alloc(0)
  #leftBytes = 0
  #bytes = 0
  #wholeBytes = 0

  /** The bytes of the current record that are still to come; 0 while its header is not whole. */
  get leftBytes(): number {
    return this.#leftBytes
  }

  /** The length of all records that have passed whole. */
  get wholeBytes(): number {
    return this.#wholeBytes
  }

  pass(bytes: Buffer): void {
    for (let at = 0; at < bytes.length;) {
      const neededBytes = this.#leftBytes > 0 ? this.#leftBytes : headerBytes - this.#header.length
      const taken = bytes.subarray(at, at + neededBytes)
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
