// The access log: a file beside the database that takes the records of reads at once, so that a Get waits neither for the
// writer's thread nor for the disk. One write takes the records of one turn of the event loop, and the file is synced
// within accessFlushMs. Later (accessMoveMs) the records move into the audit chain, many in one change. Each
// such change also notes the sequence number of its last frame, so a frame is moved exactly once, whatever is killed. A
// record that must be on the disk first waits for the next sync of the file, which serves all that were written until it
// began.

import type { KeyObject } from 'node:crypto'
import type { Clock, Timer } from '../../../core/ports/clock.ts'
import type { Durability } from '../../../core/ports/expectation.ts'
import { StoreUnavailable, type Change, type Write } from '../../../core/ports/store.ts'
import * as bounds from './bounds.ts'
import { accessFlushMs } from '../bounds.ts'
import { AccessFile } from './access-file.ts'
import { countOf, encodeFrame, partsOf, type Frame } from './access-frames.ts'
import type { StartAppender } from './appender.ts'
import { ByObject } from './by-object.ts'
import type { MovedRecord } from './move-access.ts'
import { RecordWaits, type Turn } from './record-waits.ts'

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
  /** Default: a thread of its own. */
  readonly startAppender?: StartAppender | undefined
}

/** No record, in about the bytes of one: it tells whether a record would be taken. */
const trialRecords = `[${' '.repeat(510)}]`

export class AccessLog {
  readonly #options: AccessLogOptions
  readonly #file: AccessFile
  readonly #waits: RecordWaits
  #sequence: number
  /** Waits for the end of this turn of the event loop, and for the file. */
  #turn: Turn | undefined
  /** The file is written or emptied. */
  #isFileBusy = false
  /** The records are in the file, and callers wait until the disk has them. */
  #unsynced: Turn[] = []
  #syncing: Promise<void> | undefined
  #syncTimer: Timer | undefined
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
  #emptying: Promise<void> | undefined
  readonly #looking: Timer
  #closed = false

  private constructor(options: AccessLogOptions, file: AccessFile, left: readonly Frame[]) {
    this.#options = options
    this.#file = file
    this.#waits = new RecordWaits(options.clock, options.onTrouble)
    this.#frames = [...left]
    this.#records = countOf(left)
    this.#sequence = Math.max(options.movedTo, left.at(-1)?.sequence ?? 0)
    this.#looking = options.clock.every(bounds.accessLookMs, () => this.#look())
  }

  /** Moves what an earlier process left. Throws StoreUnavailable if the file or the store cannot be used. */
  static async open(options: AccessLogOptions): Promise<AccessLog> {
    const { file: name, key, movedTo, onTrouble, startAppender } = options
    const { file, frames, unreadBytes } = AccessFile.open(name, key, startAppender)
    if (unreadBytes > 0)
      onTrouble(
        `the access log ${name} ends in ${unreadBytes} bytes that are no whole record: they are dropped`,
      )
    const left = frames.filter(({ sequence }) => sequence > movedTo)
    const log = new AccessLog(options, file, left)
    try {
      await log.#settleLeft()
      await log.#empty()
      return log
    } catch (error) {
      log.#end()
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
   * moved into the chain for too long, or if neither the file nor the store takes this one in accessTakenMsMax.
   */
  append(record: MovedRecord, durability: Durability = 'process'): Promise<void> {
    const refused = this.#unchained ?? this.#waits.hopeless(durability)
    if (refused !== null) return Promise.reject(new StoreUnavailable('unavailable', refused))
    if (this.#full !== null) return Promise.reject(new StoreUnavailable('busy', this.#full))
    const turn = (this.#turn ??= this.#beginTurn())
    turn.records.push(record)
    return (turn[durability] ??= Promise.withResolvers()).promise
  }

  /** Why no record is taken, and so no key handed out; null: records are taken. */
  get refused(): string | null {
    return this.#unchained ?? this.#full ?? this.#waits.refusal
  }

  get #full(): string | null {
    const records = this.#records + (this.#turn?.records.length ?? 0)
    return records >= bounds.accessRecordsMax ? 'too many access records wait for the audit log' : null
  }

  /** The reason, if none could be moved into the chain for too long. */
  get #unchained(): string | null {
    const waitedMs = this.#moveWaitedMs
    return waitedMs > bounds.accessUnchainedMsMax
      ? `the audit log has taken no access records for ${Math.floor(waitedMs / 1000)} s: no more keys are handed out`
      : null
  }

  get #moveWaitedMs(): number {
    return this.#waitingSinceMs === undefined ? 0 : this.#options.clock.monotonic() - this.#waitingSinceMs
  }

  #beginTurn(): Turn {
    setImmediate(() => this.#write())
    return this.#waits.begin()
  }

  /** When the object was last fetched; null if the database knows. */
  fetchedMs(instanceId: string, uniqueIdentifier: string): number | null {
    return (
      this.#fetchedMs.get(instanceId, uniqueIdentifier) ??
      this.#movingFetchedMs.get(instanceId, uniqueIdentifier) ??
      null
    )
  }

  /** Resolves once every record that was taken before is in the chain. Rejects as the commit does. */
  async settle(): Promise<void> {
    this.#write()
    await this.#waits.settled()
    while (this.#moving) await this.#moving.catch(() => undefined)
    await this.#move()
  }

  /** Moves the records that are left. Those that cannot be moved now stay in the file for the next start. */
  async close(): Promise<void> {
    await this.settle().catch((error: unknown) => {
      this.#options.onTrouble(
        `access records stay in ${this.#options.file} until the next start: ${String(error)}`,
      )
    })
    this.#closed = true
    while (this.#syncing) await this.#syncing
    await this.#emptying
    this.#end()
  }

  #end(): void {
    this.#moveTimer?.cancel()
    this.#syncTimer?.cancel()
    this.#looking.cancel()
    this.#file.close()
  }

  /** Nothing else refuses what waits for a disk that hangs, or tries whether records are taken again. */
  #look(): void {
    this.#waits.refuseOverdue(this.#options.file)
    if (this.#turn?.isOverdue) {
      this.#waits.forget(this.#turn)
      this.#turn = undefined
    }
    const durability = this.#waits.wantedTrial
    if (durability !== undefined) {
      this.#turn = this.#beginTurn()
      this.#turn[durability] = Promise.withResolvers()
      this.#turn[durability].promise.catch(() => undefined)
    }
    // A turn that is held up by a move without an answer goes on.
    this.#write()
  }

  #write(): void {
    const turn = this.#turn
    if (!turn || this.#isFileBusy) return
    if (this.#mustEmpty()) return void this.#move().catch(this.#notMoved)
    this.#turn = undefined
    void this.#writeTurn(turn)
  }

  /** Never rejects. */
  async #writeTurn(turn: Turn): Promise<void> {
    const { records, disk } = turn
    const sequence = this.#sequence + 1
    const text = records.length === 0 ? trialRecords : JSON.stringify(records)
    const frame = { sequence, records: text, count: records.length, onDisk: !!disk }
    this.#isFileBusy = true
    try {
      await this.#file.append(encodeFrame(frame, this.#options.key))
      this.#sequence = sequence
      this.#take(frame, turn)
    } catch (error) {
      void this.#commitInstead(turn, error)
    }
    this.#isFileBusy = false
    this.#write()
  }

  /** The file has it. */
  #take(frame: Frame, turn: Turn): void {
    this.#frames.push(frame)
    this.#records += frame.count
    this.#moveLater(this.#moveAfterMs)
    for (const { fetched } of turn.records)
      for (const { instanceId, uniqueIdentifier, atMs } of fetched)
        this.#fetchedMs.set(instanceId, uniqueIdentifier, atMs)
    this.#waits.taken(turn)
    if (!turn.disk) return this.#syncLater()
    this.#unsynced.push(turn)
    this.#sync()
  }

  /**
   * Under steady load the file is never empty. So once it is large, and few records are left to move, new ones wait a moment until
   * these were moved. A file that could not be emptied takes them on, and so does one whose records cannot be moved.
   */
  #mustEmpty(): boolean {
    const { bytes } = this.#file
    if (bytes <= bounds.accessLogBytes || this.#frames.length === 0) return false
    if (this.#waitingSinceMs !== undefined && (!this.#moving || this.#moveWaitedMs >= bounds.accessLookMs))
      return false
    return this.#records <= bounds.accessHoldRecords || bytes > 4 * bounds.accessLogBytes
  }

  /** How long a record may wait. Once the file cannot be synced, the database keeps the promise of the disk. */
  get #moveAfterMs(): number {
    if (this.#file.broken) return accessFlushMs / 2
    return this.#file.bytes > bounds.accessLogBytes ? 0 : bounds.accessMoveMs
  }

  #syncLater(): void {
    if (this.#file.broken || this.#closed) return
    this.#syncTimer ??= this.#options.clock.after(accessFlushMs / 2, () => {
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
    const wasBroken = this.#file.broken !== undefined
    const error = await this.#file.sync()
    this.#syncing = undefined
    if (error && !wasBroken) {
      this.#options.onTrouble(error.message)
      this.#move().catch(this.#notMoved)
    }
    for (const turn of waiting) {
      if (error) this.#waits.failed(turn, error)
      else this.#waits.onDisk(turn)
    }
    this.#sync()
  }

  /** The store keeps a reserve for a full disk. Never rejects. */
  async #commitInstead(turn: Turn, cause: unknown): Promise<void> {
    const { commit, file } = this.#options
    const { records, disk } = turn
    this.#tell(`the access log ${file} takes no records (${String(cause)}): each Get waits for the database`)
    const entries = records.flatMap((record) => record.entries)
    const writes = records.flatMap(({ fetched }) =>
      fetched.map((one): Write => ({ type: 'fetched', ...one })),
    )
    try {
      if (records.length === 0) await this.#tryStore()
      else await commit({ writes, entries, durability: disk ? 'disk' : 'process' })
      this.#waits.taken(turn)
      if (disk) this.#waits.onDisk(turn)
    } catch (error) {
      this.#waits.failed(turn, error)
    }
  }

  /** A move writes to the store, where an empty change would not. */
  #tryStore(): Promise<void> {
    if (this.#frames.length === 0)
      this.#frames.push({ sequence: ++this.#sequence, records: trialRecords, count: 0, onDisk: false })
    return this.#move()
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
    this.#moving ??= this.#moveFrames().finally(() => {
      this.#moving = undefined
      this.#write()
    })
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
      this.#moveLater(bounds.accessMoveAgainMs)
      throw error
    }
    this.#movingFetchedMs = new ByObject()
    this.#waitingSinceMs = undefined
    // A frame that is being written would be cut off.
    if (this.#frames.length === 0 && !this.#isFileBusy) this.#emptying = this.#empty()
    else {
      this.#inTrouble = false
      this.#moveLater(this.#moveAfterMs)
    }
  }

  async #movePart(part: readonly Frame[], durability: Durability, isPromised: boolean): Promise<void> {
    const { name: log, commit } = this.#options
    const frames = part.map(({ sequence, records }) => ({ sequence, records }))
    const moved: Write = { type: 'access-moved', log, frames }
    const change = { writes: [moved], entries: [], durability }
    await commit(change).catch((error: unknown) => {
      // A full disk takes 'process' only, which reaches it within accessFlushMs.
      const isFull = error instanceof StoreUnavailable && error.why === 'full'
      if (!isFull || isPromised || durability === 'process') throw error
      return commit({ ...change, durability: 'process' })
    })
    this.#frames.splice(0, part.length)
    this.#records -= countOf(part)
  }

  /** Records that stay in the file were moved, so a start passes over them. Never rejects. */
  async #empty(): Promise<void> {
    this.#isFileBusy = true
    try {
      await this.#file.empty()
      this.#inTrouble = false
    } catch (error) {
      this.#tell(`the access log ${this.#options.file} cannot be emptied, and grows (${String(error)})`)
    }
    this.#isFileBusy = false
    this.#write()
  }
}
