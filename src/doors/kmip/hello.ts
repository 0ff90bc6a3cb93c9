// Reads a raw connection until its first record, the ClientHello, is whole. So a peer that connects and stays silent
// costs no handshake turn, nor does one that does not speak TLS; and the socket is still read, so a peer that leaves
// while it waits is noticed. It parses no TLS beyond the five bytes of the record header.

import type { Socket } from 'node:net'

const recordHeaderBytes = 5
const handshakeRecord = 0x16

export interface HelloEvents {
  /** Called once, when the whole record has arrived and the connection may wait for its turn. */
  onReady(): void
  /**
   * Called if the bytes do not begin like TLS, or are more than a record may have: no client sends more before the server's
   * first message. It does not close the socket.
   */
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

  /** How many bytes wait for the connection's turn. */
  get bytes(): number {
    return this.#seen.length
  }

  /** Stops reading, pauses the socket and returns the bytes read so far. */
  take(): Buffer {
    this.#socket.off('data', this.#onData)
    this.#socket.pause()
    return this.#seen
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#seen = this.#seen.length === 0 ? chunk : Buffer.concat([this.#seen, chunk])
    const wanted = recordBytes(this.#seen)
    if (wanted === undefined || Math.max(wanted, this.#seen.length) > this.#bytesMax) {
      this.#socket.off('data', this.#onData)
      this.#events.onNotTls()
    } else if (!this.#ready && this.#seen.length >= wanted) {
      this.#ready = true
      this.#events.onReady()
    }
  }
}

/**
 * The length of the first record with its header, as far as the bytes tell; undefined if it is no TLS record. RFC
 * 8446 §5.1.
 */
function recordBytes(seen: Buffer): number | undefined {
  if (seen[0] !== handshakeRecord) return undefined
  return seen.length < recordHeaderBytes ? recordHeaderBytes : recordHeaderBytes + seen.readUInt16BE(3)
}
