// The file of the anchor (core/audit/anchor.ts): two slots that are overwritten in turn. While one slot is written, the other one is
// complete and on the disk. So one slot stays valid even if a write is cut off. This code does not interpret the slots.

import {
  closeSync,
  constants,
  fdatasync,
  fdatasyncSync,
  fsyncSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  write,
  writeSync,
} from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { anchorSlotBytes } from '../../../core/audit/anchor.ts'
import { syncPath } from '../sync-path.ts'

const slots = 2

export class AnchorFile {
  readonly #descriptor: number
  /** The index of the slot to write next. The other slot is on the disk. */
  #slot: number
  /** Whether the slot was written completely. */
  #whole = false

  private constructor(descriptor: number, slot: number) {
    this.#descriptor = descriptor
    this.#slot = slot
  }

  /** Returns both slots; null: the file does not exist. Does not follow links. Throws the system's error. */
  static read(file: string): readonly Buffer[] | null {
    let descriptor: number
    try {
      descriptor = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW)
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
      throw error
    }
    try {
      return Array.from({ length: slots }, (_, slot) => {
        const bytes = Buffer.alloc(anchorSlotBytes)
        const count = readSync(descriptor, bytes, 0, anchorSlotBytes, slot * anchorSlotBytes)
        return bytes.subarray(0, count)
      })
    } finally {
      closeSync(descriptor)
    }
  }

  /** Creates or replaces the file, with `first` in its first slot. The file is on the disk when this returns. */
  static create(file: string, first: Buffer): AnchorFile {
    const unfinished = `${file}.new`
    rmSync(unfinished, { force: true })
    const { O_RDWR, O_CREAT, O_EXCL } = constants
    const descriptor = openSync(unfinished, O_RDWR | O_CREAT | O_EXCL, 0o600)
    try {
      writeWhole(descriptor, Buffer.concat([first, Buffer.alloc((slots - 1) * anchorSlotBytes)]), 0)
      fsyncSync(descriptor)
      renameSync(unfinished, file)
      syncPath(path.dirname(file))
      return new AnchorFile(descriptor, 1)
    } catch (error) {
      closeSync(descriptor)
      throw error
    }
  }

  /** Opens the file, to overwrite the slot that is not `newestSlot`. First it brings the slot `newestSlot` to the disk. */
  static open(file: string, newestSlot: number): AnchorFile {
    const descriptor = openSync(file, constants.O_RDWR | constants.O_NOFOLLOW)
    try {
      // An earlier process may have left both slots unsynced.
      fdatasyncSync(descriptor)
      return new AnchorFile(descriptor, (newestSlot + 1) % slots)
    } catch (error) {
      closeSync(descriptor)
      throw error
    }
  }

  /** Overwrites the slot. Until `settle` the bytes survive a killed process, but not a power loss. Throws the system's error. */
  write(bytes: Buffer): void {
    this.#whole = false
    writeWhole(this.#descriptor, bytes, this.#slot * anchorSlotBytes)
    this.#whole = true
  }

  /** Brings the written slot to the disk, then turns to the other slot. Throws the system's error. */
  settle(): void {
    if (!this.#whole) return
    fdatasyncSync(this.#descriptor)
    this.#slot = (this.#slot + 1) % slots
    this.#whole = false
  }

  /** Like `write`, on a thread of Node's pool. The caller calls no other method meanwhile. Rejects with the system's error. */
  async writeAside(bytes: Buffer): Promise<void> {
    this.#whole = false
    const count = await writeAside(this.#descriptor, bytes, this.#slot * anchorSlotBytes)
    refuseCut(count, bytes)
    this.#whole = true
  }

  /** Like `settle`, on a thread of Node's pool. The caller calls no other method meanwhile. Rejects with the system's error. */
  async settleAside(): Promise<void> {
    if (!this.#whole) return
    await syncAside(this.#descriptor)
    this.#slot = (this.#slot + 1) % slots
    this.#whole = false
  }

  close(): void {
    closeSync(this.#descriptor)
  }
}

function writeWhole(descriptor: number, bytes: Buffer, position: number): void {
  refuseCut(writeSync(descriptor, bytes, 0, bytes.length, position), bytes)
}

function refuseCut(written: number, bytes: Buffer): void {
  if (written !== bytes.length) throw new Error(`only ${written} of ${bytes.length} bytes were written`)
}

const syncAside = promisify(fdatasync)

async function writeAside(descriptor: number, bytes: Buffer, position: number): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  write(descriptor, bytes, 0, bytes.length, position, (error, written) =>
    error ? reject(error) : resolve(written),
  )
  return promise
}
