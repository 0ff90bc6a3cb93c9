// The body of a backup: a stream of bytes, cut into chunks that are each sealed with AES-256-GCM. A chunk's nonce holds its
// number and whether it is the last, so that an attacker cannot reorder or leave out chunks, or cut them off at the end. Each
// file has its own key, so that a chunk of another file does not open. This file knows nothing of records or of the manifest.

import { createCipheriv, createDecipheriv, type KeyObject } from 'node:crypto'
import { BackupError } from './error.ts'

/** Bytes that a chunk seals; the last one may hold fewer. */
export const chunkBytes = 64 * 1024
const tagBytes = 16
export const sealedChunkBytes = chunkBytes + tagBytes

/** The number in a nonce has four bytes. */
const chunksMax = 2 ** 32 - 1

export class ChunkSealer {
  readonly #key: KeyObject
  readonly #put: (sealed: Buffer) => void
  readonly #buffer = Buffer.alloc(chunkBytes)
  #filled = 0
  #number = 0

  /** `put` gets each sealed chunk. */
  constructor(key: KeyObject, put: (sealed: Buffer) => void) {
    this.#key = key
    this.#put = put
  }

  write(bytes: Buffer): void {
    let at = 0
    while (at < bytes.length) {
      // A full chunk is the last one unless more follows.
      if (this.#filled === chunkBytes) this.#seal(false)
      const copied = bytes.copy(this.#buffer, this.#filled, at)
      this.#filled += copied
      at += copied
    }
  }

  end(): void {
    this.#seal(true)
  }

  #seal(last: boolean): void {
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonceOf(this.#number, last))
    const sealed = cipher.update(this.#buffer.subarray(0, this.#filled))
    cipher.final()
    this.#put(Buffer.concat([sealed, cipher.getAuthTag()]))
    this.#buffer.fill(0, 0, this.#filled)
    this.#filled = 0
    this.#number += 1
    if (this.#number > chunksMax) throw new BackupError('the store is too large for one backup')
  }
}

/** Opens chunk `number`. Throws BackupError if it is not that chunk of that file, or was altered. */
export function openChunk(key: KeyObject, number: number, last: boolean, sealed: Buffer): Buffer {
  if (sealed.length < tagBytes) throw new BackupError(`chunk ${number} of the backup is cut off`)
  const decipher = createDecipheriv('aes-256-gcm', key, nonceOf(number, last), { authTagLength: tagBytes })
  decipher.setAuthTag(sealed.subarray(-tagBytes))
  const bytes = decipher.update(sealed.subarray(0, -tagBytes))
  try {
    decipher.final()
  } catch (cause) {
    bytes.fill(0)
    const message = `chunk ${number} of the backup does not open: it was altered, or belongs to another place or file`
    throw new BackupError(message, undefined, { cause })
  }
  return bytes
}

/** Seven zeros, the number (4), 1 for the last chunk. */
function nonceOf(number: number, last: boolean): Buffer {
  const nonce = Buffer.alloc(12)
  nonce.writeUInt32BE(number, 7)
  nonce[11] = last ? 1 : 0
  return nonce
}
