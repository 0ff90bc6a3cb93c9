// The access log: a file beside the database that takes the records of reads at once, so that a Get waits neither for the
// writer's thread nor for the disk. One write takes the records of one turn of the event loop, and the file is synced within
// accessFlushMs. Later (accessMoveMs) the records move into the audit chain, many in one change. Each such change also stores the
// sequence number of its last frame, so each frame is moved exactly once, even if the process is killed. A record that must be on
// the disk first waits for the next sync of the file. One sync serves all records that were written before it began.

import type { KeyObject } from 'node:crypto'
import type { Clock, Timer } from '../../../core/ports/clock.ts'
import type { Durability } from '../../../core/ports/expectation.ts'
import { StoreUnavailable, type Change, type Write } from '../../../core/ports/store.ts'
import * as bounds from './bounds.ts'
import { accessFlushMs } from '../bounds.ts'
import { AccessFile } from './access-file.ts'
import { countOf, encodeFrame, frameGroups, type Frame } from './access-frames.ts'
import type { StartAppender } from './appender.ts'
import { ByObject } from './by-object.ts'
import type { MovedRecord } from './move-access.ts'
import { RecordWaits, type Turn } from './record-waits.ts'

export interface AccessLogOptions {
  readonly file: string
  readonly key: KeyObject
  /** The name under which the database stores `movedTo`. */
  readonly name: string
  /** The sequence number of the last frame that was moved into the chain. */
  readonly movedTo: number
  readonly clock: Clock
  readonly commit: (change: Change) => Promise<void>
  readonly onTrouble: (message: string) => void
  /** Default: a thread of its own. */
  readonly startAppender?: StartAppender | undefined
}

/** An empty list of records, padded to about the size of one record. Writing it shows whether the file takes records. */
const trialRecords = `[${' '.repeat(510)}]`

export class AccessLog {
  readonly #options: AccessLogOptions
  readonly #file: AccessFile
  readonly #waits: RecordWaits
  #sequence: number
  /** Collects the records of this turn of the event loop, and waits for the file. */
  #turn: Turn | undefined
  /** A write or an emptying of the file is running. */
  #isFileBusy = false
  /** Turns whose records are in the file while their callers wait until the disk has them. */
  #unsynced: Turn[] = []
  #syncing: Promise<void> | undefined
  #syncTimer: Timer | undefined
  /** Frames that are in the file and not yet in the chain, oldest first. */
  #frames: Frame[] = []
  #records = 0
  /** When the first move after the last successful one began, in monotonic milliseconds. undefined: no move failed or runs since. */
  #waitingSinceMs: number | undefined
  /** When objects were last fetched, according to the records that are moving now, and according to later records. */
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

  /** Moves the records that an earlier process left. Throws StoreUnavailable if the file or the store cannot be used. */
  static async open(options: AccessLogOptions): Promise<AccessLog> {
    const { file: name, key, movedTo, onTrouble, startAppender } = options
    const { file, frames, unreadBytes } = AccessFile.open(name, key, startAppender)
    if (unreadBytes > 0)
      onTrouble(
        `the access log ${name} ends in ${unreadBytes} bytes that are not a complete record: they are dropped`,
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

  /** While the disk is full, the store refuses changes of durability 'disk'. The server starts nevertheless, with 'process'. */
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
   * Resolves once the operating system has the record, or the disk. Rejects with StoreUnavailable if records wait too long for
   * their move or too many wait, or if neither the file nor the database takes this record within accessTakenMsMax.
   */
  append(record: MovedRecord, durability: Durability = 'process'): Promise<void> {
    const refused = this.#unchained ?? this.#waits.hopeless(durability)
    if (refused !== null) return Promise.reject(new StoreUnavailable('unavailable', refused))
    if (this.#full !== null) return Promise.reject(new StoreUnavailable('busy', this.#full))
    const turn = (this.#turn ??= this.#beginTurn())
    turn.records.push(record)
    return (turn[durability] ??= Promise.withResolvers()).promise
  }

  /** Why records are refused, and keys with them; null: records are taken. */
  get refused(): string | null {
    return this.#unchained ?? this.#full ?? this.#waits.refusal
  }

  get #full(): string | null {
    const records = this.#records + (this.#turn?.records.length ?? 0)
    return records >= bounds.accessRecordsMax ? 'too many access records wait for the audit log' : null
  }

  /** The reason, if no records could be moved into the chain for too long. */
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

  /** When the object was last fetched, according to records that are not in the database yet; null: no such record names it. */
  fetchedMs(instanceId: string, uniqueIdentifier: string): number | null {
    return (
      this.#fetchedMs.get(instanceId, uniqueIdentifier) ??
      this.#movingFetchedMs.get(instanceId, uniqueIdentifier) ??
      null
    )
  }

  /** Resolves once every record taken before this call is in the chain. Rejects as the commit does. */
  async settle(): Promise<void> {
    this.#write()
    await this.#waits.settled()
    while (this.#moving) await this.#moving.catch(() => undefined)
    await this.#move()
  }

  /** Moves the remaining records. Records that cannot be moved now stay in the file for the next start. */
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

  /** Runs at an interval. It refuses records that wait for a disk that hangs, and tries whether records are taken again. */
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
    // While the file is too long, `#write` holds records back until a move into the database has emptied the file. If that move
    // hangs, `#mustEmpty` soon returns false, and this call of `#write` writes the records after all.
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

  /** Called once the file has the frame. */
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
   * A move empties the file only if no record came meanwhile, which under steady load never happens. So when the file is large
   * and few of its records are still to be moved, new records wait until the file is empty. They do not wait if emptying it failed,
   * or if its records cannot be moved.
   */
  #mustEmpty(): boolean {
    const { bytes } = this.#file
    if (bytes <= bounds.accessLogBytes || this.#frames.length === 0) return false
    if (this.#waitingSinceMs !== undefined && (!this.#moving || this.#moveWaitedMs >= bounds.accessLookMs))
      return false
    return this.#records <= bounds.accessHoldRecords || bytes > 4 * bounds.accessLogBytes
  }

  /** How long a record waits for its move. If the file can no longer be synced, only the move brings the record to the disk. */
  get #moveAfterMs(): number {
    if (this.#file.broken) return accessFlushMs / 2
    return this.#file.bytes > bounds.accessLogBytes ? 0 : bounds.accessMoveMs
  }

  #syncLater(): void {
    if (this.#file.broken || this.#closed) return
    this.#syncTimer ??= this.#options.clock.after(accessFlushMs / 2, () => {
      this.#syncTimer = undefined
      // If no frames are left, a move has already brought their records to the disk.
      if (this.#frames.length > 0) this.#syncing ??= this.#syncAll()
    })
  }

  /** Only one sync runs at a time. Records written meanwhile wait for the next one. */
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

  /** Commits the records to the database instead of the file. For a full disk it has a reserve (sqlite/room.ts). Never rejects. */
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

  /** Finds out with a move whether the store takes records. A move without records writes to the store; an empty change does not. */
  #tryStore(): Promise<void> {
    if (this.#frames.length === 0)
      this.#frames.push({ sequence: ++this.#sequence, records: trialRecords, count: 0, onDisk: false })
    return this.#move()
  }

  /** Reports only the first trouble, until records could be moved again. */
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

  /** Moves the present frames. It splits them over several changes, so that no other change waits for all of them. */
  async #moveFrames(): Promise<void> {
    this.#moveTimer?.cancel()
    this.#moveTimer = undefined
    const frames = [...this.#frames]
    if (frames.length === 0) return
    this.#waitingSinceMs ??= this.#options.clock.monotonic()
    this.#movingFetchedMs.setAll(this.#fetchedMs)
    this.#fetchedMs = new ByObject()
    try {
      const parts = frameGroups(frames)
      const isPromised = frames.some(({ onDisk }) => onDisk)
      // The file is emptied after the last part. The sync of that part brings the earlier parts to the disk too.
      for (const part of parts)
        await this.#movePart(part, part === parts.at(-1) ? 'disk' : 'process', isPromised)
    } catch (error) {
      this.#moveLater(bounds.accessMoveAgainMs)
      throw error
    }
    this.#movingFetchedMs = new ByObject()
    this.#waitingSinceMs = undefined
    // Emptying during a write would cut off the frame that is being written.
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
      // While the disk is full, the store takes only changes of durability 'process'. They are on the disk within accessFlushMs.
      const isFull = error instanceof StoreUnavailable && error.why === 'full'
      if (!isFull || isPromised || durability === 'process') throw error
      return commit({ ...change, durability: 'process' })
    })
    this.#frames.splice(0, part.length)
    this.#records -= countOf(part)
  }

  /** If this fails, the records that stay in the file are already in the chain, and the next start skips them. Never rejects. */
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
