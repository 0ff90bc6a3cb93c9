// Room on the data disk. The writer refuses changes while the disk is nearly full. For access records of Gets, which it must still
// write then, it keeps a reserve: a file of real blocks beside the database. The writer deletes that file when SQLite finds no room,
// and fills it again once the disk has room. This file decides nothing about changes.

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

  /** Bytes that this process may still use. Infinity if the system does not tell: then the next write shows whether there is room. */
  freeBytes(): number {
    const { bavail, bsize } = orUndefined(() => statfsSync(this.#folder)) ?? { bavail: Infinity, bsize: 1 }
    return bavail * bsize
  }

  /** Whether less is free than the server needs. The part of the reserve that the file does not hold yet counts as used. */
  isShort(): boolean {
    return this.freeBytes() - this.#missingBytes() < diskFreeBytesMin
  }

  /**
   * Bytes that must be free before the writer accepts changes again. More than the bound of `isShort`, so that a small change of the
   * free space does not switch the writer back and forth.
   */
  neededBytes(): number {
    return 2 * diskFreeBytesMin + this.#missingBytes()
  }

  /** Deletes the reserve. Returns false if there is none. */
  release(): boolean {
    this.#stopped = true
    if (!existsSync(this.#file)) return false
    rmSync(this.#file, { force: true })
    return true
  }

  /** Fills the reserve. Resolves to false if the disk has not enough room, or if the reserve was released or stopped meanwhile. */
  take(): Promise<boolean> {
    this.#taking ??= this.#fill()
      .catch(() => false)
      .finally(() => (this.#taking = null))
    return this.#taking
  }

  /** Stops `take`. The part of the reserve that was written stays for the next start. */
  async stop(): Promise<void> {
    this.#stopped = true
    await this.#taking
  }

  async #fill(): Promise<boolean> {
    this.#stopped = false
    if (this.#missingBytes() === 0) return true
    const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW } = constants
    await using file = await open(this.#file, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, 0o600)
    // Random bytes, so that even a file system that compresses gives the file real blocks.
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
