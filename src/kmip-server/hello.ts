// A raw connection before TLS: it is read until its first record, the ClientHello, is whole. So whoever connects
// and says nothing costs no turn at the handshakes, what is not TLS costs none either, and who leaves while
// waiting is noticed: the socket, still read, closes by itself. Parses no TLS beyond the five bytes of the record header.

import type { Socket } from 'node:net'

const recordHeaderBytes = 5
const handshakeRecord = 0x16

export interface HelloEvents {
  /** The whole record is there: it may wait for its turn. Once at most. */
  onReady(): void
  /** It does not begin like TLS, or its first record is longer than TLS allows. The socket is not closed here. */
  onNotTls(): void
}

export class Hello {
  readonly #socket: Socket
  readonly #bytesMax: number
  readonly #events: HelloEvents
  #seen: Buffer = Buffer.alloc(0)
  #ready = false

  constructor(socket: Socket, bytesMax: number, events: HelloEvents) {
    this.#socket = socket
    this.#bytesMax = bytesMax
    this.#events = events
    socket.on('data', this.#onData)
  }

  /** Lets go of the socket, which is paused, and hands out what was read. */
  take(): Buffer {
    this.#socket.off('data', this.#onData)
    this.#socket.pause()
    return this.#seen
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#seen = this.#seen.length === 0 ? chunk : Buffer.concat([this.#seen, chunk])
    if (this.#ready) {
      if (this.#seen.length > this.#bytesMax) this.#socket.pause()
      return
    }
    const wanted = recordBytes(this.#seen)
    if (wanted === undefined || wanted > this.#bytesMax) {
      this.#socket.off('data', this.#onData)
      this.#events.onNotTls()
    } else if (this.#seen.length >= wanted) {
      this.#ready = true
      this.#events.onReady()
    }
  }
}

/** Bytes of the first record with its header, as far as can be told; undefined where it is none. RFC 8446 §5.1. */
function recordBytes(seen: Buffer): number | undefined {
  if (seen[0] !== handshakeRecord) return undefined
  return seen.length < recordHeaderBytes ? recordHeaderBytes : recordHeaderBytes + seen.readUInt16BE(3)
}
