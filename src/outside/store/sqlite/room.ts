// Room on the data disk. Changes are refused while the disk is nearly full; what still must be written then (the
// access records of Get) has a reserve: a file of real blocks beside the database, given back when SQLite finds
// no room, and taken again when there is some. This file decides nothing about changes.

import { constants, existsSync, lstatSync, rmSync, statfsSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { setImmediate } from 'node:timers/promises'
import { randomFillSync } from 'node:crypto'

/** With less than this free on the data disk, the server refuses changes. */
export const diskFreeBytesMin = 8 * 1024 * 1024

const chunkBytes = 256 * 1024

export class Room {
  readonly #folder: string
  readonly #file: string
  readonly #bytes: number
  #taking: Promise<boolean> | null = null
  #stopped = false

  constructor(folder: string, file: string, bytes: number) {
    this.#folder = folder
    this.#file = file
    this.#bytes = bytes
  }

  /** Bytes that this process may still use; Infinity where the system does not say: the next write tells then. */
  freeBytes(): number {
    const { bavail, bsize } = orUndefined(() => statfsSync(this.#folder)) ?? { bavail: Infinity, bsize: 1 }
    return bavail * bsize
  }

  /** Less is free than must be, the part of the reserve that is not held counted as used. */
  isShort(): boolean {
    return this.freeBytes() - this.#missingBytes() < diskFreeBytesMin
  }

  /** Bytes that must be free before changes are taken again: above the bound, so that it does not flutter. */
  neededBytes(): number {
    return 2 * diskFreeBytesMin + this.#missingBytes()
  }

  /** Gives the reserve back; false when there is none. */
  release(): boolean {
    this.#stopped = true
    if (!existsSync(this.#file)) return false
    rmSync(this.#file, { force: true })
    return true
  }

  /** Takes the reserve unless it is there. Resolves to false when there is not enough room or it was released. */
  take(): Promise<boolean> {
    this.#taking ??= this.#fill()
      .catch(() => false)
      .finally(() => (this.#taking = null))
    return this.#taking
  }

  /** Stops taking; what was written stays for the next start. */
  async stop(): Promise<void> {
    this.#stopped = true
    await this.#taking
  }

  async #fill(): Promise<boolean> {
    this.#stopped = false
    if (this.#missingBytes() === 0) return true
    const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW } = constants
    await using file = await open(this.#file, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, 0o600)
    // Random, so that a file system that compresses sets real blocks aside.
    const chunk = randomFillSync(Buffer.alloc(chunkBytes))
    while (this.#missingBytes() > 0) {
      if (this.#stopped || this.isShort()) return false
      await file.write(chunk, 0, Math.min(chunkBytes, this.#missingBytes()))
      await setImmediate()
    }
    await file.datasync()
    return !this.#stopped
  }

  #missingBytes(): number {
    return Math.max(0, this.#bytes - (orUndefined(() => lstatSync(this.#file))?.size ?? 0))
  }
}

function orUndefined<T>(look: () => T): T | undefined {
  try {
    return look()
  } catch {
    return undefined
  }
}
