// The file of the access log (access-log.ts): its frames, one behind the other. It is written by the thread of an appender and synced
// by the system's threads, so that a disk that hangs does not hold up the thread that serves TLS.

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
  /** The length of its whole frames. */
  #bytes: number
  /** The file goes on behind them, in a torn frame, which would hide those behind it. */
  #isTorn: boolean
  /** The disk failed to take the file: what it holds is not known any more. */
  #broken: StoreUnavailable | undefined

  private constructor(name: string, file: number, unreadBytes: number, start: StartAppender) {
    this.name = name
    this.#file = file
    this.#bytes = fstatSync(file).size - unreadBytes
    this.#isTorn = unreadBytes > 0
    this.#appender = start(file)
  }

  /** With the frames that it holds, and the number of bytes behind them. Throws StoreUnavailable. */
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

  /** Why what is written now is not brought to the disk any more; undefined: it is. */
  get broken(): StoreUnavailable | undefined {
    return this.#broken
  }

  /** Rejects with the system's error; what the file has of the frame is cut off before the next one. One at a time, and no `empty` meanwhile. */
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

  /** Never rejects. After a failure the system may call bytes written that it has dropped, so there is no second try. */
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
