// The access log: a file beside the database that takes the records of reads at once, so that a Get waits neither for the
// writer's thread nor for the disk. One write takes the records of one turn of the event loop, and the file is synced
// within limits.accessFlushMs. Later (limits.accessMoveMs) the records move into the audit chain, many in one change. Each
// such change also notes the sequence number of its last frame, so a frame is moved exactly once, whatever is killed. A
// record that must be on the disk first waits for the next sync of the file, which serves all that were written until it
// began.

import type { KeyObject } from 'node:crypto'
import { closeSync, fdatasync, fstatSync, ftruncateSync, openSync, writeSync } from 'node:fs'
import path from 'node:path'
import type { Clock, Timer } from '../../ports/clock.ts'
import { StoreUnavailable, type Change, type Write } from '../../ports/store.ts'
import { limits } from '../../limits.ts'
import { countOf, encodeFrame, partsOf, readFrames, type Frame } from './access-frames.ts'
import { ByObject } from './by-object.ts'
import type { MovedRecord } from './move-access.ts'
import { syncPath } from '../sync-path.ts'

export interface AccessLogOptions {
  readonly file: string
  readonly key: KeyObject
  /** The name by which the store knows this log. */
  readonly name: string
  /** The last sequence number that was moved into the chain. */
  readonly movedTo: number
  readonly clock: Clock
  readonly commit: (change: Change) => Promise<void>
  readonly onTrouble: (message: string) => void
}

type Durability = Change['durability']

/** The records of one turn of the event loop. All that wait for the same thing share a promise, which exists once one waits. */
interface Turn {
  readonly records: MovedRecord[]
  process?: PromiseWithResolvers<void>
  disk?: PromiseWithResolvers<void>
}

export class AccessLog {
  readonly #options: AccessLogOptions
  readonly #file: number
  /** Its whole frames have so many. */
  #fileBytes: number
  /** The file goes on behind them, in a torn frame, which would hide those behind it. */
  #isTorn: boolean
  #sequence: number
  /** Waits for the end of this turn of the event loop. */
  #turn: Turn | undefined
  /** Callers whose records are in the file, and who wait until the disk has them. */
  #unsynced: PromiseWithResolvers<void>[] = []
  #syncing: Promise<void> | undefined
  #syncTimer: Timer | undefined
  /** The disk failed to take the file: what it holds is not known any more. */
  #broken: StoreUnavailable | undefined
  /** Frames that are in the file and not in the chain yet, oldest first. */
  #frames: Frame[] = []
  #records = 0
  /** Monotonic milliseconds when the first move began since the last one that succeeded: it has failed, or gets no answer. */
  #waitingSinceMs: number | undefined
  /** When objects were last fetched, by instance and identifier: by the records that move now, and by later ones. */
  #movingFetchedMs = new ByObject<number>()
  #fetchedMs = new ByObject<number>()
  #inTrouble = false
  #moving: Promise<void> | undefined
  #moveTimer: Timer | undefined
  #closed = false

  private constructor(options: AccessLogOptions, file: number, left: readonly Frame[], unreadBytes: number) {
    this.#options = options
    this.#file = file
    this.#fileBytes = fstatSync(file).size - unreadBytes
    this.#isTorn = unreadBytes > 0
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
      const log = new AccessLog(options, opened, left, unreadBytes)
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
  append(record: MovedRecord, durability: Durability = 'process'): Promise<void> {
    const { refused } = this
    if (refused !== null) return Promise.reject(new StoreUnavailable('unavailable', refused))
    const turn = (this.#turn ??= this.#beginTurn())
    if (this.#records + turn.records.length >= limits.accessRecordsMax)
      return Promise.reject(new StoreUnavailable('busy', 'too many access records wait for the audit log'))
    turn.records.push(record)
    return (turn[durability] ??= Promise.withResolvers()).promise
  }

  /** Why no record is taken, since none could be moved into the chain for too long; null: records are taken. */
  get refused(): string | null {
    const waitedMs = this.#options.clock.monotonic() - (this.#waitingSinceMs ?? Infinity)
    return waitedMs > limits.accessUnchainedMsMax
      ? `the audit log has taken no access records for ${Math.floor(waitedMs / 1000)} s: no more keys are handed out`
      : null
  }

  #beginTurn(): Turn {
    setImmediate(() => this.#write())
    return { records: [] }
  }

  /** When the object was last fetched; null if the database knows. */
  fetchedMs(instanceId: string, uniqueIdentifier: string): number | null {
    return (
      this.#fetchedMs.get(instanceId, uniqueIdentifier) ??
      this.#movingFetchedMs.get(instanceId, uniqueIdentifier) ??
      null
    )
  }

  /** Resolves once every record that was appended before is in the chain. Rejects as the commit does. */
  async settle(): Promise<void> {
    let isHeldUp: boolean
    do {
      while (this.#moving) await this.#moving.catch(() => undefined)
      this.#write()
      isHeldUp = this.#turn !== undefined
      await this.#move()
    } while (isHeldUp || this.#turn)
  }

  /** Moves the records that are left. Those that cannot be moved now stay in the file for the next start. */
  async close(): Promise<void> {
    await this.settle().catch((error: unknown) => {
      this.#options.onTrouble(
        `access records stay in ${this.#options.file} until the next start: ${String(error)}`,
      )
    })
    this.#closed = true
    this.#moveTimer?.cancel()
    this.#syncTimer?.cancel()
    while (this.#syncing) await this.#syncing
    closeSync(this.#file)
  }

  #write(): void {
    const turn = this.#turn
    if (!turn) return
    if (this.#mustEmpty()) return void this.#move().catch(this.#notMoved)
    this.#turn = undefined
    const { records, process, disk } = turn
    if (records.length === 0) return
    const sequence = this.#sequence + 1
    const frame = { sequence, records: JSON.stringify(records), count: records.length, onDisk: !!disk }
    try {
      this.#append(encodeFrame(frame, this.#options.key))
    } catch (error) {
      return void this.#commitInstead(turn, error)
    }
    this.#sequence = sequence
    this.#frames.push(frame)
    this.#records += frame.count
    this.#moveLater(this.#moveAfterMs)
    for (const { fetched } of records)
      for (const { instanceId, uniqueIdentifier, atMs } of fetched)
        this.#fetchedMs.set(instanceId, uniqueIdentifier, atMs)
    process?.resolve()
    if (!disk) return this.#syncLater()
    this.#unsynced.push(disk)
    this.#sync()
  }

  /**
   * Under steady load the file is never empty. So once it is large, and few records are left to move, new ones wait until
   * these were moved. A file that could not be emptied takes them on.
   */
  #mustEmpty(): boolean {
    const { accessLogBytes, accessHoldRecords } = limits
    if (this.#fileBytes <= accessLogBytes || this.#frames.length === 0) return false
    return this.#records <= accessHoldRecords || this.#fileBytes > 4 * accessLogBytes
  }

  /** How long a record may wait. Once the file cannot be synced, the database keeps the promise of the disk. */
  get #moveAfterMs(): number {
    if (this.#broken) return limits.accessFlushMs / 2
    return this.#fileBytes > limits.accessLogBytes ? 0 : limits.accessMoveMs
  }

  #syncLater(): void {
    if (this.#broken || this.#closed) return
    this.#syncTimer ??= this.#options.clock.after(limits.accessFlushMs / 2, () => {
      this.#syncTimer = undefined
      // Records that were moved in the meantime are on the disk already.
      if (this.#frames.length > 0) this.#syncing ??= this.#syncAll()
    })
  }

  /** One at a time. Records that are written meanwhile wait for the next one. */
  #sync(): void {
    if (this.#unsynced.length > 0) this.#syncing ??= this.#syncAll()
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
          const what = `the disk did not take ${file} (${cause.message}): with audit.reads = "durable", keys are handed out again once the server was restarted`
          this.#broken = new StoreUnavailable('unavailable', what, { cause })
          onTrouble(what)
          this.#move().catch(this.#notMoved)
        }
        resolve(this.#broken)
      })
    })
  }

  /** Throws the system's error; what the file has of the frame is cut off before the next one. */
  #append(frame: Buffer): void {
    if (this.#isTorn) ftruncateSync(this.#file, this.#fileBytes)
    this.#isTorn = true
    for (let at = 0; at < frame.length;) at += writeSync(this.#file, frame, at)
    this.#isTorn = false
    this.#fileBytes += frame.length
  }

  /** The store keeps a reserve for a full disk. Never rejects. */
  async #commitInstead({ records, process, disk }: Turn, cause: unknown): Promise<void> {
    const { commit, file } = this.#options
    this.#tell(`the access log ${file} takes no records (${String(cause)}): each Get waits for the database`)
    const entries = records.flatMap((record) => record.entries)
    const writes = records.flatMap(({ fetched }) =>
      fetched.map((one): Write => ({ type: 'fetched', ...one })),
    )
    try {
      await commit({ writes, entries, durability: disk ? 'disk' : 'process' })
      process?.resolve()
      disk?.resolve()
    } catch (error) {
      process?.reject(error)
      disk?.reject(error)
    }
  }

  /** Reports trouble once, until records are moved again. */
  #tell(message: string): void {
    if (this.#inTrouble) return
    this.#inTrouble = true
    this.#options.onTrouble(message)
  }

  #moveLater(delayMs: number): void {
    if (this.#moveTimer || this.#closed) return
    this.#moveTimer = this.#options.clock.after(delayMs, () => {
      this.#moveTimer = undefined
      this.#move().catch(this.#notMoved)
    })
  }

  readonly #notMoved = (error: unknown): void => {
    this.#tell(`access records cannot be moved into the audit log yet: ${String(error)}`)
  }

  #move(): Promise<void> {
    this.#moving ??= this.#moveFrames().finally(() => (this.#moving = undefined))
    return this.#moving
  }

  /** Moves the frames that there are now, some in each change, so that no other change waits for all of them. */
  async #moveFrames(): Promise<void> {
    this.#moveTimer?.cancel()
    this.#moveTimer = undefined
    const frames = [...this.#frames]
    if (frames.length === 0) return
    this.#waitingSinceMs ??= this.#options.clock.monotonic()
    this.#movingFetchedMs.setAll(this.#fetchedMs)
    this.#fetchedMs = new ByObject()
    try {
      const parts = partsOf(frames)
      const isPromised = frames.some(({ onDisk }) => onDisk)
      // The file is emptied after the last part, whose sync takes the parts before it to the disk too.
      for (const part of parts)
        await this.#movePart(part, part === parts.at(-1) ? 'disk' : 'process', isPromised)
    } catch (error) {
      this.#moveLater(limits.accessMoveAgainMs)
      throw error
    }
    this.#movingFetchedMs = new ByObject()
    this.#waitingSinceMs = undefined
    if (this.#frames.length === 0) this.#empty()
    else {
      this.#inTrouble = false
      this.#moveLater(this.#moveAfterMs)
    }
    this.#write()
  }

  async #movePart(part: readonly Frame[], durability: Durability, isPromised: boolean): Promise<void> {
    const { name: log, commit } = this.#options
    const frames = part.map(({ sequence, records }) => ({ sequence, records }))
    const moved: Write = { type: 'access-moved', log, frames }
    const change = { writes: [moved], entries: [], durability }
    await commit(change).catch((error: unknown) => {
      // A full disk takes 'process' only, which reaches it within limits.accessFlushMs.
      const isFull = error instanceof StoreUnavailable && error.why === 'full'
      if (!isFull || isPromised || durability === 'process') throw error
      return commit({ ...change, durability: 'process' })
    })
    this.#frames.splice(0, part.length)
    this.#records -= countOf(part)
  }

  /** Records that stay in the file were moved, so a start passes over them. */
  #empty(): void {
    try {
      if (this.#fileBytes > 0 || this.#isTorn) ftruncateSync(this.#file, 0)
      this.#fileBytes = 0
      this.#isTorn = false
      this.#inTrouble = false
    } catch (error) {
      this.#tell(`the access log ${this.#options.file} cannot be emptied, and grows (${String(error)})`)
    }
  }
}
