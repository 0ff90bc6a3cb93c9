// Files that were sent to the admin API in parts, in a folder of the data folder until they are used: sealed backups, so
// nothing in them is in clear. Their number, size and age are bounded, and a start of the server removes what is left.

import { randomUUID } from 'node:crypto'
import { mkdir, open, rm, statfs } from 'node:fs/promises'
import path from 'node:path'
import { Refusal } from '../../base/refusal.ts'
import { backupFreeBytesMin } from '../../base/bounds.ts'
import type { Clock, Timer } from '../../core/ports/clock.ts'

/** How many backups that were sent here are kept at once, and for how long without a new part. */
const uploadsMax = 4
export const uploadIdleMs = 15 * 60_000
/** The interval of the idle check. */
const uploadLookEveryMs = 60_000

interface Upload {
  readonly id: string
  readonly file: string
  /** The size that the sender announced. */
  readonly bytes: number
  received: number
  /** Monotonic. */
  lastMs: number
  /** How many readers the upload has now. */
  readers: number
  /** Parts are written one after the other. */
  writing: Promise<unknown>
}

export class Uploads {
  readonly #folder: string
  readonly #clock: Pick<Clock, 'monotonic' | 'every'>
  readonly #uploads = new Map<string, Upload>()
  #timer: Timer | undefined

  constructor(folder: string, clock: Pick<Clock, 'monotonic' | 'every'>) {
    this.#folder = folder
    this.#clock = clock
  }

  /** Removes idle uploads from now on. Calls `failed` if that fails. */
  start(failed: (error: unknown) => void): void {
    const look = () => void this.#removeIdle().catch(failed)
    this.#timer = this.#clock.every(uploadLookEveryMs, look)
  }

  /** Removes all. */
  async stop(): Promise<void> {
    this.#timer?.cancel()
    await this.clear()
  }

  /** Removes what an earlier run left. */
  async clear(): Promise<void> {
    this.#uploads.clear()
    await rm(this.#folder, { recursive: true, force: true })
  }

  /** Begins an upload of `bytes`; returns its id. Throws Refusal. */
  async begin(bytes: number): Promise<string> {
    await this.#removeIdle()
    if (this.#uploads.size >= uploadsMax)
      throw new Refusal(
        'conflict',
        `${uploadsMax} files are being sent already`,
        'Wait until they are used, or for a quarter of an hour: then the server removes those that no client goes on sending.',
      )
    const id = randomUUID()
    const file = path.join(this.#folder, id)
    const upload = { id, file, bytes, received: 0, lastMs: this.#now(), readers: 0 }
    this.#uploads.set(id, { ...upload, writing: Promise.resolve() })
    try {
      await mkdir(this.#folder, { recursive: true, mode: 0o700 })
      await this.#requireRoom()
      await (await open(file, 'wx', 0o600)).close()
      return id
    } catch (error) {
      await this.remove(id)
      throw error
    }
  }

  /** How many bytes are here now. A part that is here already changes nothing. Throws Refusal. */
  async add(id: string, at: number, part: Uint8Array): Promise<number> {
    const upload = this.#get(id)
    const added = upload.writing.then(() => this.#add(upload, at, part))
    upload.writing = added.catch(() => undefined)
    return added
  }

  /** Uses the whole file; it stays meanwhile. Throws Refusal. */
  async use<T>(id: string, work: (file: string) => Promise<T>): Promise<T> {
    const upload = this.#get(id)
    const { received, bytes } = upload
    if (received < bytes)
      throw new Refusal('conflict', `the file is not here as a whole: ${received} of ${bytes} bytes`)
    upload.readers += 1
    try {
      return await work(upload.file)
    } finally {
      upload.readers -= 1
      upload.lastMs = this.#now()
    }
  }

  /** False: there was none. */
  async remove(id: string): Promise<boolean> {
    const upload = this.#uploads.get(id)
    if (!upload) return false
    if (upload.readers > 0) throw new Refusal('conflict', 'the file is being restored from')
    this.#uploads.delete(id)
    await upload.writing
    await rm(upload.file, { force: true })
    return true
  }

  async #add(upload: Upload, at: number, part: Uint8Array): Promise<number> {
    if (!this.#uploads.has(upload.id)) throw noUpload()
    upload.lastMs = this.#now()
    if (at + part.length <= upload.received) return upload.received
    if (at !== upload.received)
      throw new Refusal('conflict', `the next part begins at ${upload.received}, not at ${at}`)
    if (at + part.length > upload.bytes)
      throw new Refusal('bad-request', `the file was announced with ${upload.bytes} bytes, not with more`)
    await this.#requireRoom()
    await using handle = await open(upload.file, 'r+')
    try {
      for (let done = 0; done < part.length;)
        done += (await handle.write(part, done, part.length - done, at + done)).bytesWritten
    } catch (error) {
      throw isFull(error) ? noRoom() : error
    }
    upload.received += part.length
    return upload.received
  }

  #get(id: string): Upload {
    const upload = this.#uploads.get(id)
    if (!upload) throw noUpload()
    return upload
  }

  async #removeIdle(): Promise<void> {
    const before = this.#now() - uploadIdleMs
    for (const { id, lastMs, readers } of this.#uploads.values())
      if (readers === 0 && lastMs < before) await this.remove(id)
  }

  /** The store on the same disk must be able to go on writing. */
  async #requireRoom(): Promise<void> {
    const { bavail, bsize } = await statfs(this.#folder)
    const missing = [...this.#uploads.values()].reduce(
      (sum, { bytes, received }) => sum + bytes - received,
      0,
    )
    if (bavail * bsize - missing >= backupFreeBytesMin) return
    throw noRoom()
  }

  #now(): number {
    return this.#clock.monotonic()
  }
}

function noRoom(): Refusal {
  return new Refusal(
    'unavailable',
    "the disk of the server's data folder has no room for the file",
    'Make room there, and do the same again.',
  )
}

function isFull(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT')
}

function noUpload(): Refusal {
  return new Refusal(
    'not-found',
    'there is no such upload: it was used, no client went on sending it for a quarter of an hour, or the server was restarted',
    'Send the file again.',
  )
}
