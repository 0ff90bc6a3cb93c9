// The access log: a file beside the database that takes the records of reads at once, so that a Get waits neither for the
// writer's thread nor for the disk. One write takes the records of one turn of the event loop. Soon after
// (limits.accessMoveMs) one change moves all of them into the audit chain. That change also notes the sequence number of
// the last frame, so a frame is moved exactly once, whatever is killed. A record that must be on the disk first waits for
// the next sync of the file, which serves all that were written until it began.
//
//   frame   length of the body (4 bytes) | sequence (8 bytes) | HMAC-SHA256 of sequence and body (32 bytes) | body (JSON)
//
// A frame that is cut off or does not verify ends the file: a killed process may leave one, and so may a full disk.

import { createHmac, timingSafeEqual, type KeyObject } from 'node:crypto'
import { closeSync, fdatasync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs'
import path from 'node:path'
import type { AccessRecord } from '../ports/audit.ts'
import type { Clock, Timer } from '../ports/clock.ts'
import { StoreUnavailable, type Change, type Write } from '../ports/store.ts'
import { limits } from '../limits.ts'
import { movedRecords, type MovedRecord } from './move-access.ts'
import { syncPath } from './sync-path.ts'

const macBytes = 32
const headBytes = 4 + 8 + macBytes

export interface AccessLogOptions {
  readonly file: string
  readonly key: KeyObject
  /** The store knows the log by it. */
  readonly name: string
  /** The last sequence number that was moved into the chain. */
  readonly movedTo: number
  readonly clock: Clock
  readonly commit: (change: Change) => Promise<void>
  readonly onTrouble: (message: string) => void
}

/** Records that were handed to the operating system together. */
interface Frame {
  readonly sequence: number
  /** JSON, as it stands in the file: the writer moves it as it is. */
  readonly records: string
  readonly count: number
  /** Somebody was promised that it is on the disk, so it stays in the file until the database has it there. */
  readonly onDisk: boolean
}

type Durability = Change['durability']

interface Waiting {
  readonly record: AccessRecord
  readonly durability: Durability
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

export class AccessLog {
  readonly #options: AccessLogOptions
  readonly #file: number
  #fileBytes: number
  #sequence: number
  /** Waits for the end of this turn of the event loop. */
  #waiting: Waiting[] = []
  /** In the file, and not on the disk yet. */
  #unsynced: Waiting[] = []
  #syncing: Promise<void> | undefined
  /** The disk failed to take the file: what it holds is not known any more. */
  #broken: StoreUnavailable | undefined
  /** In the file, and not in the chain yet. Oldest first. */
  #frames: Frame[] = []
  #records = 0
  /** Monotonic milliseconds of the first of the moves that failed in a row. */
  #failingSinceMs: number | undefined
  /** When objects were last fetched, by instance and identifier: by the records that move now, and by later ones. */
  #movingFetchedMs = new Map<string, number>()
  #fetchedMs = new Map<string, number>()
  #inTrouble = false
  #moving: Promise<void> | undefined
  #timer: Timer | undefined
  #closed = false

  private constructor(options: AccessLogOptions, file: number, left: readonly Frame[]) {
    this.#options = options
    this.#file = file
    this.#fileBytes = fstatSync(file).size
    this.#frames = [...left]
    this.#records = countOf(left)
    this.#sequence = Math.max(options.movedTo, left.at(-1)?.sequence ?? 0)
  }

  /** Moves what an earlier process left. Throws StoreUnavailable if the file or the store cannot be used. */
  static async open(options: AccessLogOptions): Promise<AccessLog> {
    const { file, key, movedTo, onTrouble } = options
    let opened: number
    try {
      opened = openSync(file, 'a+', 0o600)
      syncPath(path.dirname(file))
    } catch (cause) {
      throw new StoreUnavailable('unavailable', `open the access log ${file}: ${String(cause)}`, { cause })
    }
    try {
      const { frames, unreadBytes } = readFrames(opened, key)
      if (unreadBytes > 0)
        onTrouble(
          `the access log ${file} ends in ${unreadBytes} bytes that are no whole record: they are dropped`,
        )
      const left = frames.filter(({ sequence }) => sequence > movedTo)
      const log = new AccessLog(options, opened, left)
      await log.#settleLeft()
      log.#empty()
      return log
    } catch (error) {
      closeSync(opened)
      throw error
    }
  }

  /** A full disk takes no change that must be on it, and must not keep the server from starting. */
  async #settleLeft(): Promise<void> {
    try {
      await this.settle()
    } catch (error) {
      if (!(error instanceof StoreUnavailable) || error.why !== 'full') throw error
      this.#frames = this.#frames.map((frame) => ({ ...frame, onDisk: false }))
      await this.settle()
    }
  }

  /**
   * Resolves once the operating system has the record, or the disk. Rejects with StoreUnavailable if no records could be
   * moved into the chain for too long, or if neither the file nor the store takes this one.
   */
  append(record: AccessRecord, durability: Durability = 'process'): Promise<void> {
    const failingMs = this.#options.clock.monotonic() - (this.#failingSinceMs ?? Infinity)
    if (failingMs > limits.accessUnchainedMsMax)
      return Promise.reject(
        new StoreUnavailable(
          'unavailable',
          `the audit log has taken no access records for ${Math.floor(failingMs / 1000)} s: no more keys are handed out`,
        ),
      )
    if (this.#records + this.#waiting.length >= limits.accessRecordsMax)
      return Promise.reject(new StoreUnavailable('busy', 'too many access records wait for the audit log'))
    return new Promise((resolve, reject) => {
      const waiting = { record, durability, resolve, reject }
      if (this.#waiting.push(waiting) === 1) setImmediate(() => this.#write())
    })
  }

  /** Null if the database knows. */
  fetchedMs(instanceId: string, uniqueIdentifier: string): number | null {
    if (this.#fetchedMs.size + this.#movingFetchedMs.size === 0) return null
    const name = nameOf(instanceId, uniqueIdentifier)
    return this.#fetchedMs.get(name) ?? this.#movingFetchedMs.get(name) ?? null
  }

  /** Resolves once every record that was appended before is in the chain. Rejects as the commit does. */
  async settle(): Promise<void> {
    do {
      while (this.#moving) await this.#moving.catch(() => undefined)
      this.#write()
      await this.#move()
    } while (this.#waiting.length > 0)
  }

  /** Moves the records that are left. Those that cannot be moved now stay in the file for the next start. */
  async close(): Promise<void> {
    await this.settle().catch((error: unknown) => {
      this.#options.onTrouble(
        `access records stay in ${this.#options.file} until the next start: ${String(error)}`,
      )
    })
    this.#closed = true
    this.#timer?.cancel()
    while (this.#syncing) await this.#syncing
    closeSync(this.#file)
  }

  #write(): void {
    const waiting = this.#waiting
    if (waiting.length === 0) return
    // Under steady load the file is never empty. So once in a while records wait until all before them were moved.
    if (this.#fileBytes > limits.accessLogBytes) return void this.#move().catch(this.#notMoved)
    this.#waiting = []
    // The caller has checked already that what the read was decided on still holds.
    const records = JSON.stringify(
      waiting.map(({ record: { entries, fetched } }): MovedRecord => ({ entries, fetched })),
    )
    const onDisk = waiting.some(({ durability }) => durability === 'disk')
    const frame: Frame = { sequence: this.#sequence + 1, records, count: waiting.length, onDisk }
    try {
      this.#append(encodeFrame(frame, this.#options.key))
    } catch (error) {
      return this.#commitInstead(waiting, error)
    }
    this.#sequence = frame.sequence
    this.#frames.push(frame)
    this.#records += frame.count
    this.#moveLater(limits.accessMoveMs)
    for (const one of waiting) {
      for (const { instanceId, uniqueIdentifier, atMs } of one.record.fetched)
        this.#fetchedMs.set(nameOf(instanceId, uniqueIdentifier), atMs)
      if (one.durability === 'disk') this.#unsynced.push(one)
      else one.resolve()
    }
    this.#sync()
  }

  /** One at a time. Records that are written meanwhile wait for the next one. */
  #sync(): void {
    if (!this.#syncing && this.#unsynced.length > 0) this.#syncing = this.#syncAll()
  }

  async #syncAll(): Promise<void> {
    const waiting = this.#unsynced
    this.#unsynced = []
    const error = await this.#synced()
    this.#syncing = undefined
    for (const { resolve, reject } of waiting) {
      if (error) reject(error)
      else resolve()
    }
    this.#sync()
  }

  /** Never rejects. After a failure the system may call bytes written that it has dropped, so there is no second try. */
  #synced(): Promise<StoreUnavailable | undefined> {
    if (this.#broken) return Promise.resolve(this.#broken)
    return new Promise((resolve) => {
      fdatasync(this.#file, (cause) => {
        if (cause) {
          const { file, onTrouble } = this.#options
          const what = `the disk did not take ${file} (${cause.message}): keys are handed out again once the server was restarted`
          this.#broken = new StoreUnavailable('unavailable', what, { cause })
          onTrouble(what)
        }
        resolve(this.#broken)
      })
    })
  }

  /** Throws the system's error; the file is then as it was. */
  #append(frame: Buffer): void {
    try {
      for (let at = 0; at < frame.length;) at += writeSync(this.#file, frame, at)
      this.#fileBytes += frame.length
    } catch (error) {
      // A torn frame would hide those behind it.
      ftruncateSync(this.#file, this.#fileBytes)
      throw error
    }
  }

  /** The store keeps a reserve for a full disk. */
  #commitInstead(waiting: readonly Waiting[], cause: unknown): void {
    const { commit, file } = this.#options
    this.#tell(`the access log ${file} takes no records (${String(cause)}): each Get waits for the database`)
    for (const { record, durability, resolve, reject } of waiting) {
      const { entries, fetched } = record
      const writes = fetched.map((one): Write => ({ type: 'fetched', ...one }))
      commit({ writes, entries, durability }).then(resolve, reject)
    }
  }

  /** Once, until records are moved again. */
  #tell(message: string): void {
    if (this.#inTrouble) return
    this.#inTrouble = true
    this.#options.onTrouble(message)
  }

  #moveLater(delayMs: number): void {
    if (this.#timer || this.#closed) return
    this.#timer = this.#options.clock.after(delayMs, () => {
      this.#timer = undefined
      this.#move().catch(this.#notMoved)
    })
  }

  readonly #notMoved = (error: unknown): void => {
    this.#tell(`access records cannot be moved into the audit log yet: ${String(error)}`)
    this.#moveLater(limits.accessMoveAgainMs)
  }

  #move(): Promise<void> {
    this.#moving ??= this.#moveFrames().finally(() => (this.#moving = undefined))
    return this.#moving
  }

  async #moveFrames(): Promise<void> {
    const frames = [...this.#frames]
    const last = frames.at(-1)
    if (!last) return
    for (const [name, atMs] of this.#fetchedMs) this.#movingFetchedMs.set(name, atMs)
    this.#fetchedMs = new Map()
    const { name: log, commit, clock } = this.#options
    const records = frames.map((frame) => frame.records)
    const moved: Write = { type: 'access-moved', log, sequence: last.sequence, records }
    // The writer flushes the class 'process' within limits.accessFlushMs, and takes it on a full disk too.
    const durability = frames.some(({ onDisk }) => onDisk) ? 'disk' : 'process'
    try {
      await commit({ writes: [moved], entries: [], durability })
    } catch (error) {
      this.#failingSinceMs ??= clock.monotonic()
      throw error
    }
    this.#frames.splice(0, frames.length)
    this.#records -= countOf(frames)
    this.#movingFetchedMs = new Map()
    this.#failingSinceMs = undefined
    this.#inTrouble = false
    if (this.#frames.length > 0) return this.#moveLater(limits.accessMoveMs)
    this.#empty()
    this.#write()
  }

  #empty(): void {
    if (this.#fileBytes === 0) return
    ftruncateSync(this.#file, 0)
    this.#fileBytes = 0
  }
}

function countOf(frames: readonly Frame[]): number {
  return frames.reduce((sum, { count }) => sum + count, 0)
}

function nameOf(instanceId: string, uniqueIdentifier: string): string {
  return `${instanceId} ${uniqueIdentifier}`
}

function encodeFrame({ sequence, records }: Frame, key: KeyObject): Buffer {
  const bodyBytes = Buffer.byteLength(records)
  const frame = Buffer.allocUnsafe(headBytes + bodyBytes)
  frame.writeUInt32BE(bodyBytes, 0)
  frame.writeBigUInt64BE(BigInt(sequence), 4)
  frame.write(records, headBytes)
  macOf(frame.subarray(4, 12), frame.subarray(headBytes), key).copy(frame, 12)
  return frame
}

function macOf(sequence: Buffer, body: Buffer, key: KeyObject): Buffer {
  return createHmac('sha256', key).update(sequence).update(body).digest()
}

/** `unreadBytes`: behind the last frame that is whole. */
function readFrames(file: number, key: KeyObject): { frames: readonly Frame[]; unreadBytes: number } {
  const bytes = Buffer.alloc(fstatSync(file).size)
  for (let at = 0; at < bytes.length;) {
    const read = readSync(file, bytes, at, bytes.length - at, at)
    if (read === 0) break
    at += read
  }
  const frames: Frame[] = []
  let at = 0
  while (bytes.length - at >= headBytes) {
    const body = bytes.subarray(at + headBytes, at + headBytes + bytes.readUInt32BE(at))
    const sequence = bytes.subarray(at + 4, at + 12)
    const mac = bytes.subarray(at + 12, at + headBytes)
    if (body.length < bytes.readUInt32BE(at) || !timingSafeEqual(mac, macOf(sequence, body, key))) break
    const records = body.toString('utf8')
    const count = movedRecords(records).length
    frames.push({ sequence: Number(sequence.readBigUInt64BE()), records, count, onDisk: true })
    at += headBytes + body.length
  }
  return { frames, unreadBytes: bytes.length - at }
}
