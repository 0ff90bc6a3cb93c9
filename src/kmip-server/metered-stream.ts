// A raw connection during the handshake of a peer of whom nothing is known, as a stream that TLS reads from instead of
// the socket: so bytes reach OpenSSL only when their turn has come, no more of them than a handshake may have, and within
// one call, around which its caller can measure what they cost. Once the handshake is done, bytes pass as they come. It
// costs a tenth of a handshake, which is why known peers are read by TLS itself.

import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'

export interface MeteredStreamOptions {
  /** What was read from the socket before. */
  readonly first: Buffer
  /** Of the peer's handshake, `first` included. */
  readonly handshakeBytesMax: number
  /** After our end of the connection what still arrives is thrown away; beyond this the connection is cut. */
  readonly lingerBytesMax: number
  /** Bytes wait for `feed`. Not called again before. */
  onHolding(): void
  /** The handshake has more bytes than it may have. Nothing is closed here. */
  onTooLong(): void
}

export class MeteredStream extends Duplex {
  readonly #raw: Socket
  readonly #options: MeteredStreamOptions
  #held: Buffer
  #fedBytes = 0
  #lingeredBytes = 0
  #open = false
  #peerEnded = false

  constructor(raw: Socket, options: MeteredStreamOptions) {
    // Until the handshake is done, an end from the peer is the end; the raw socket leaves that to this stream.
    super({ allowHalfOpen: false })
    raw.allowHalfOpen = true
    this.#raw = raw
    this.#options = options
    this.#held = options.first
    raw.on('data', (chunk: Buffer) => this.#receive(chunk))
    raw.on('end', () => this.#onPeerEnd())
    raw.on('close', () => this.destroy())
    raw.pause()
    // Nothing is ever buffered here: while TLS does not read, the socket is not read either.
    this.on('pause', () => raw.pause())
    this.on('resume', () => {
      if (this.#open) this.#pass()
    })
  }

  /** Bytes of the handshake wait for `feed`. */
  get holding(): boolean {
    return this.#held.length > 0
  }

  /** What the peer has sent of its handshake. */
  get handshakeBytes(): number {
    return this.#fedBytes + this.#held.length
  }

  /** Lets TLS read what is held, within this call. The stream must have been flowing for a turn of the event loop. */
  feed(): void {
    if (this.destroyed) return
    if (!this.#open) {
      const piece = this.#held.subarray(0, this.#options.handshakeBytesMax - this.#fedBytes)
      this.#held = this.#held.subarray(piece.length)
      this.#fedBytes += piece.length
      this.push(piece)
    }
    if (this.destroyed) return
    if (this.#open) this.#pass()
    else if (this.holding) this.#options.onTooLong()
    else if (this.#peerEnded) this.push(null)
    else this.#raw.resume()
  }

  /** The handshake is done. Called within `feed`, by what TLS makes of the bytes. */
  open(): void {
    this.#open = true
    this.allowHalfOpen = true
  }

  /** What came with the last bytes of the handshake, and all that comes from here on. */
  #pass(): void {
    const rest = this.#held
    this.#held = Buffer.alloc(0)
    if (rest.length > 0) this.#receive(rest)
    if (this.#peerEnded) this.push(null)
    else if (!this.isPaused()) this.#raw.resume()
  }

  #receive(chunk: Buffer): void {
    if (this.writableEnded) {
      // TLS must not read on: it may want to answer, and Node's wrapper of streams fails on an answer after the end.
      this.#lingeredBytes += chunk.length
      if (this.#lingeredBytes > this.#options.lingerBytesMax) this.destroy()
    } else if (this.#open) {
      this.push(chunk)
    } else {
      const holding = this.holding
      this.#held = holding ? Buffer.concat([this.#held, chunk]) : chunk
      this.#raw.pause()
      if (!holding) this.#options.onHolding()
    }
  }

  #onPeerEnd(): void {
    this.#peerEnded = true
    if (!this.holding) this.push(null)
  }

  override _read(): void {
    // The socket's events push.
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
