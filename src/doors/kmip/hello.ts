// Reads a raw connection until its first record, the ClientHello, is whole. So a peer that stays silent, or does not speak TLS, takes no
// turn of a handshake. It goes on reading while the connection waits for its turn, so the server notices a peer that leaves. It parses no
// TLS beyond the five bytes of the record header.

import type { Socket } from 'node:net'

const recordHeaderBytes = 5
const handshakeRecord = 0x16

export interface HelloEvents {
  /** Called once, when the whole record has arrived: the connection can wait for its turn. */
  onReady(): void
  /**
   * Called if the bytes do not begin like TLS, or are more than one record: a client sends no more before the server's first message.
   * `Hello` does not close the socket.
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

  /** The number of bytes that wait for the connection's turn. */
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
    const neededBytes = recordBytes(this.#seen)
    if (neededBytes === undefined || Math.max(neededBytes, this.#seen.length) > this.#bytesMax) {
      this.#socket.off('data', this.#onData)
      this.#events.onNotTls()
    } else if (!this.#ready && this.#seen.length >= neededBytes) {
      this.#ready = true
      this.#events.onReady()
    }
  }
}

/**
 * The length of the first record with its header (RFC 8446 §5.1), or that of the header alone while not all of it has arrived. Undefined
 * if the bytes are not a TLS handshake record.
 */
function recordBytes(seen: Buffer): number | undefined {
  if (seen[0] !== handshakeRecord) return undefined
  return seen.length < recordHeaderBytes ? recordHeaderBytes : recordHeaderBytes + seen.readUInt16BE(3)
}
