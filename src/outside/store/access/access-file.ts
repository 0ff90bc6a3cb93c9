// The file of the access log (access-log.ts), a sequence of frames. The appender's thread writes the file, and a thread of Node's
// pool syncs it, so that a disk that hangs does not hold up the thread that serves TLS.

import type { KeyObject } from 'node:crypto'
import { closeSync, fdatasync, fstatSync, openSync } from 'node:fs'
import path from 'node:path'
import { StoreUnavailable } from '../../../core/ports/store.ts'
import { syncPath } from '../sync-path.ts'
import { readFrames, type Frame } from './access-frames.ts'
import { startAppendThread, type Appender, type StartAppender } from './appender.ts'

export class AccessFile {
  readonly name: string
  readonly #file: number
  readonly #appender: Appender
  /** The total length of the complete frames. */
  #bytes: number
  /** A torn frame follows the complete frames. The next append must cut it off first: a reader stops at a torn frame. */
  #isTorn: boolean
  /** Set once a sync has failed. From then on it is unknown what the disk holds. */
  #broken: StoreUnavailable | undefined

  private constructor(name: string, file: number, unreadBytes: number, start: StartAppender) {
    this.name = name
    this.#file = file
    this.#bytes = fstatSync(file).size - unreadBytes
    this.#isTorn = unreadBytes > 0
    this.#appender = start(file)
  }

  /** Returns the file, its frames, and the number of bytes after the last complete frame. Throws StoreUnavailable. */
  static open(
    name: string,
    key: KeyObject,
    start: StartAppender = startAppendThread,
  ): { readonly file: AccessFile; readonly frames: readonly Frame[]; readonly unreadBytes: number } {
    let file: number | undefined
    try {
      file = openSync(name, 'a+', 0o600)
      syncPath(path.dirname(name))
      const read = readFrames(file, key)
      return { file: new AccessFile(name, file, read.unreadBytes, start), ...read }
    } catch (cause) {
      if (file !== undefined) closeSync(file)
      throw new StoreUnavailable('unavailable', `open the access log ${name}: ${String(cause)}`, { cause })
    }
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Why the file is no longer synced; undefined: it is synced. */
  get broken(): StoreUnavailable | undefined {
    return this.#broken
  }

  /**
   * Rejects with the system's error; the next append then cuts off the partial frame. The caller appends one frame at a time, and
   * none while `empty` runs.
   */
  async append(frame: Buffer): Promise<void> {
    if (this.#isTorn) await this.#appender.truncate(this.#bytes)
    this.#isTorn = true
    await this.#appender.append(frame)
    this.#isTorn = false
    this.#bytes += frame.length
  }

  /** Rejects with the system's error. */
  async empty(): Promise<void> {
    if (this.#bytes > 0 || this.#isTorn) await this.#appender.truncate(0)
    this.#bytes = 0
    this.#isTorn = false
  }

  /**
   * Resolves with undefined once the disk has the file, otherwise with the error. Never rejects. After a failed sync it does not
   * sync again: the system may then report bytes as written that it has dropped.
   */
  sync(): Promise<StoreUnavailable | undefined> {
    if (this.#broken) return Promise.resolve(this.#broken)
    return new Promise((resolve) => {
      fdatasync(this.#file, (cause) => {
        if (cause) {
          const what = `the disk did not take ${this.name} (${cause.message}): with audit.reads = "durable", keys are handed out again once the server was restarted`
          this.#broken = new StoreUnavailable('unavailable', what, { cause })
        }
        resolve(this.#broken)
      })
    })
  }

  close(): void {
    this.#appender.close()
    closeSync(this.#file)
  }
}
