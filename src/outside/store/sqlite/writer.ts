// The writer's thread, with the only connection that writes. It commits the jobs that wait as a group and reports the result of each.
// Between groups it does the work that has a time limit: access records reach the disk within accessFlushMs, destroyed material leaves
// the WAL within destroyedGoneMs, and it checks a full disk for room again. This is the entry of a worker thread; writer-thread.ts is
// its counterpart.

import type { KeyObject } from 'node:crypto'
import { closeSync, fdatasync, fdatasyncSync, openSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parentPort, workerData, type MessagePort } from 'node:worker_threads'
import type { AnchorUse, AnchorVerdict } from '../../../core/ports/anchor.ts'
import type { AuditEntry } from '../../../core/ports/audit.ts'
import { StoreUnavailable, type WriteHealth } from '../../../core/ports/store.ts'
import { accessFlushMs, commitGroupMax, pruneAgainMs } from '../bounds.ts'
import { storeBusyMs } from './bounds.ts'
import { AnchorKeeper, isUsed } from '../audit/anchor-keeper.ts'
import { AuditChain } from '../audit/audit-chain.ts'
import { anchorFileOf } from '../data-folder.ts'
import { Groups, type GroupResult } from './group.ts'
import { deletePruned } from '../apply/prune.ts'
import { Room } from './room.ts'
import { sqliteText, sqliteTrouble } from './errors.ts'
import { openFile, type OpenFile } from './file.ts'
import { Statements } from './statements.ts'
import { get, run } from '../steps.ts'
import type {
  FromWriter,
  WriterJob,
  WriterOutcome,
  PostedJob,
  ToWriter,
  WriterData,
} from './writer-messages.ts'

/** The interval at which the writer checks whether a full disk has room again. */
const diskCheckEveryMs = 1_000

/** A key in the table `meta`. A step of the schema writes it into a database whose earlier version kept no anchor. */
const anchorNotKept = 'anchor_not_kept'

const isDisk = ({ change }: WriterJob) => change.durability === 'disk'

class Writer {
  readonly #data: WriterData
  readonly #post: (message: FromWriter) => void
  readonly #file: OpenFile
  readonly #statements: Statements
  readonly #groups: Groups
  readonly #room: Room
  readonly #timers = new Map<string, NodeJS.Timeout>()
  #waiting: WriterJob[] = []
  #running = false
  #closing: (() => void) | null = null
  #closed = false
  #log: number | null = null
  #anchor: AnchorKeeper | null = null
  #flushing = false
  #scrubDueMs: number | null = null
  #full: string | null = null
  #failing: string | null = null
  #broken: string | null = null
  #reported = ''

  constructor(data: WriterData, post: (message: FromWriter) => void) {
    this.#data = data
    this.#post = post
    this.#room = new Room(path.dirname(data.file), `${data.file}.reserve`, data.reserveBytes)
    this.#file = this.#open()
    this.#statements = new Statements(this.#file.database)
    const chain = new AuditChain(data.writer, data.openedMs)
    this.#groups = new Groups(this.#file.database, this.#statements, chain)
    // An earlier run may have left work: destroyed material in the write-ahead log, pruned entries to delete, a reserve to fill.
    this.#scrubSoon()
    this.#after('prune', 1, () => this.#prune())
    if (this.#room.isShort()) this.#setFull()
    else void this.#room.take()
  }

  /** On a full disk, opening the database may need the room of the reserve. */
  #open(): OpenFile {
    const onNotice = (message: string) => this.#post({ type: 'notice', message })
    try {
      return openFile(this.#data.file, onNotice)
    } catch (error) {
      const full = error instanceof StoreUnavailable && error.why === 'full'
      if (!full || !this.#room.release()) throw error
      return openFile(this.#data.file, onNotice)
    }
  }

  signMarks(key: KeyObject): void {
    this.#groups.marks.key = key
  }

  take(jobs: readonly WriterJob[]): void {
    this.#waiting.push(...jobs)
    this.#schedule()
  }

  /** See AnchoredStore. Throws the system's error. */
  anchor(key: KeyObject, { needed, mode }: AnchorUse): AnchorVerdict {
    const file = anchorFileOf(this.#data.file)
    const notKept = this.#statements.take(get('metaNumber', anchorNotKept)) !== undefined
    const isNeeded = !notKept && (needed || this.#statements.take(isUsed()))
    const verdict = this.#statements.take(AnchorKeeper.look(file, key, isNeeded))
    const isRight = verdict.state === 'agrees' || verdict.state === 'new'
    if (verdict.state === 'agrees') this.#groups.knowMarks(verdict.anchor.marks)
    if (mode !== 'anew' && !(mode === 'keep' && isRight)) return verdict
    // The last commits of an earlier process may not be on the disk yet, and the anchor may name only synced commits.
    fdatasyncSync(this.#openLog())
    this.#anchor?.close()
    const onTrouble = (message: string) => this.#post({ type: 'trouble', message })
    const isNewFile = mode === 'anew'
    this.#anchor = AnchorKeeper.start({ file, key, isNewFile, onTrouble }, this.#groups.position)
    if (notKept) this.#groups.transact(run('removeMeta', anchorNotKept))
    return verdict
  }

  /** Resolves once all jobs received before are done and the file is closed. */
  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#closing = resolve
      this.#schedule()
    })
    const unsynced = this.#timers.has('flush')
    this.#closed = true
    for (const timer of this.#timers.values()) clearTimeout(timer)
    await this.#room.stop()
    while (this.#flushing) await sleep(1)
    // SQLite syncs the log and moves it into the database when it closes, but only if no other program has the file open.
    if (unsynced) fdatasyncSync(this.#openLog())
    if (this.#broken === null) this.#anchor?.note(this.#groups.position)
    this.#anchor?.settle()
    this.#anchor?.close()
    if (this.#scrubDueMs !== null) this.#scrub()
    if (this.#log !== null) closeSync(this.#log)
    this.#file.close()
  }

  /** Commits the waiting jobs in the next turn of the event loop. The group then also has the jobs of messages that came meanwhile. */
  #schedule(): void {
    if (this.#running) return
    this.#running = true
    setImmediate(() => {
      this.#running = false
      const jobs = this.#waiting.splice(0, commitGroupMax)
      if (jobs.length > 0) {
        const outcomes = this.#commit(jobs)
        this.#reportHealth()
        this.#post({ type: 'outcomes', outcomes })
      }
      if (this.#waiting.length > 0) this.#schedule()
      else this.#closing?.()
    })
  }

  #commit(jobs: readonly WriterJob[]): readonly WriterOutcome[] {
    if (jobs.length === 0) return []
    if (this.#broken !== null) return refuse(jobs, 'unavailable', this.#broken)
    const hasChanges = jobs.some(isDisk)
    if (hasChanges && this.#full === null && this.#room.isShort()) this.#setFull()
    if (hasChanges && this.#full !== null) return this.#commitRecordsOnly(jobs, this.#full)
    try {
      return this.#committed(this.#groups.commit(jobs))
    } catch (error) {
      return this.#afterFailure(jobs, error)
    }
  }

  /** While the disk is full, commits the records of reads (durability 'process') and refuses changes (durability 'disk'). */
  #commitRecordsOnly(jobs: readonly WriterJob[], reason: string): readonly WriterOutcome[] {
    const records = jobs.filter((job) => !isDisk(job))
    return [...refuse(jobs.filter(isDisk), 'full', reason), ...this.#commit(records)]
  }

  #committed({ outcomes, effects, synced }: GroupResult): readonly WriterOutcome[] {
    this.#failing = null
    if (synced) this.#anchor?.note(this.#groups.position)
    // A checkpoint comes once a minute and after each change of trust, rarely enough for one more flush, of the anchor itself.
    if (synced && effects.checkpointed) this.#anchor?.settle()
    // Flushes also after a group with changes: if all of them met conflicts, the commit wrote nothing and so synced nothing.
    this.#flushSoon()
    if (effects.materialRemoved) this.#scrubSoon()
    if (effects.pruned) this.#after('prune', 1, () => this.#prune())
    return outcomes
  }

  /** Nothing of the group was done. */
  #afterFailure(jobs: readonly WriterJob[], error: unknown): readonly WriterOutcome[] {
    const text = sqliteText(error)
    switch (sqliteTrouble(error)) {
      case 'full':
        return this.#withoutRoom(jobs)
      case 'busy':
        return refuse(jobs, 'busy', `another program holds the database ${this.#data.file} (${text})`)
      case 'io':
        if (this.#room.isShort()) return this.#withoutRoom(jobs)
        this.#failing = `the disk of ${this.#data.file} failed (${text})`
        return refuse(jobs, 'unavailable', this.#failing)
      case 'fsync':
        return refuse(
          jobs,
          'unavailable',
          this.#break(`the disk of ${this.#data.file} did not take data (${text})`),
        )
      case 'damaged':
        return refuse(jobs, 'unavailable', this.#break(`${this.#data.file} is damaged (${text})`))
      case null:
      default:
        return jobs.map(({ id }) => ({ id, type: 'bug', message: `commit to the store: ${text}` }))
    }
  }

  #withoutRoom(jobs: readonly WriterJob[]): readonly WriterOutcome[] {
    const reason = this.#setFull()
    if (jobs.some(isDisk)) return this.#commitRecordsOnly(jobs, reason)
    return this.#room.release() ? this.#commit(jobs) : refuse(jobs, 'full', reason)
  }

  #setFull(): string {
    this.#full =
      `the disk of ${path.dirname(this.#data.file)} is full: changes are refused until ` +
      `${mib(this.#room.neededBytes())} are free (now ${mib(this.#room.freeBytes())}). Free some room or enlarge ` +
      'the disk: a running server then goes on by itself'
    this.#after('room', diskCheckEveryMs, () => void this.#lookForRoom())
    return this.#full
  }

  async #lookForRoom(): Promise<void> {
    const room = this.#room.freeBytes() >= this.#room.neededBytes() && (await this.#room.take())
    if (room) this.#full = null
    else this.#setFull()
    this.#reportHealth()
  }

  /** Refuses every later job. A commit that was not synced may be lost although SQLite still shows it, so no commit may follow it. */
  #break(what: string): string {
    this.#broken = `${what}. Nothing is written any more: see to the disk, then start the server again`
    return this.#broken
  }

  /**
   * Syncs the write-ahead log, while later groups go on: a group of records alone commits without a sync. Only one sync runs at a
   * time: with more, a disk that hangs would occupy all threads of Node's pool, which reads files and resolves host names.
   */
  #flush(): void {
    if (this.#flushing) return this.#flushSoon()
    this.#flushing = true
    const { position } = this.#groups
    fdatasync(this.#openLog(), (error) => {
      this.#flushing = false
      if (!error && this.#broken === null) this.#anchor?.note(position)
      if (!error) return
      this.#break(`the disk of ${this.#data.file} did not take data (${error.message})`)
      this.#reportHealth()
    })
  }

  #flushSoon(): void {
    this.#after('flush', accessFlushMs / 2, () => this.#flush())
  }

  #openLog(): number {
    this.#log ??= openSync(`${this.#data.file}-wal`, 'r')
    return this.#log
  }

  #scrubSoon(): void {
    this.#scrubDueMs ??= performance.now() + this.#data.destroyedGoneMs
    this.#after('scrub', this.#data.destroyedGoneMs / 10, () => this.#scrub())
  }

  /**
   * Moves the whole write-ahead log into the database, where SQLite overwrites freed bytes, and truncates the log. That fails while a
   * reader uses an older state. The writer does not wait for the reader, and tries again later.
   */
  #scrub(): void {
    const { database } = this.#file
    let busy: unknown = 1
    try {
      database.exec('PRAGMA busy_timeout = 0')
      busy = database.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get()?.['busy']
    } catch (error) {
      const trouble = sqliteTrouble(error)
      if (trouble === 'damaged' || trouble === 'fsync')
        this.#break(`moving the log into ${this.#data.file} failed (${sqliteText(error)})`)
    } finally {
      database.exec(`PRAGMA busy_timeout = ${storeBusyMs}`)
    }
    const dueMs = this.#scrubDueMs ?? 0
    if (busy === 0) this.#scrubDueMs = null
    else {
      this.#after('scrub', this.#data.destroyedGoneMs / 40, () => this.#scrub())
      if (performance.now() > dueMs) {
        this.#scrubDueMs = Infinity
        const message = `destroyed material is still in ${this.#data.file}-wal: a backup or another program reads the database`
        this.#post({ type: 'trouble', message })
      }
    }
    this.#reportHealth()
  }

  /** Deletes the rows of pruned entries, a part at a time, so that commits come between. */
  #prune(): void {
    try {
      const more = this.#groups.transact(deletePruned())
      if (more) this.#after('prune', 5, () => this.#prune())
    } catch (error) {
      if (sqliteTrouble(error) === null) throw error
      this.#after('prune', pruneAgainMs, () => this.#prune())
    }
  }

  #after(name: string, ms: number, work: () => void): void {
    if (this.#closed || this.#timers.has(name)) return
    this.#timers.set(
      name,
      setTimeout(() => {
        this.#timers.delete(name)
        work()
      }, ms),
    )
  }

  #reportHealth(): void {
    const reported = this.#reported
    const health = this.health()
    if (reported !== this.#reported) this.#post({ type: 'health', health })
  }

  /** The health, as the writer reports it to the thread that serves requests. */
  health(): WriteHealth {
    const reason = this.#broken ?? this.#full ?? this.#failing
    this.#reported = reason ?? ''
    return { writable: reason === null, reason }
  }
}

function mib(bytes: number): string {
  return `${Math.ceil(bytes / 1024 / 1024)} MiB`
}

function received({ id, change, entries }: PostedJob): WriterJob {
  return { id, change: { ...change, entries: JSON.parse(entries) as readonly AuditEntry[] } }
}

function refuse(jobs: readonly WriterJob[], why: StoreUnavailable['why'], message: string): WriterOutcome[] {
  return jobs.map(({ id }) => ({ id, type: 'unavailable', why, message }))
}

function anchored(writer: Writer, { key, how }: ToWriter & { readonly type: 'anchor' }): FromWriter {
  try {
    return { type: 'anchor', verdict: writer.anchor(key, how) }
  } catch (error) {
    return { type: 'anchor-failed', message: error instanceof Error ? error.message : String(error) }
  }
}

/** Serves the other end of the port until that end sends `close`. Exported for tests that run it on their own thread. */
export function serveWriter(port: MessagePort, data: WriterData): void {
  const post = (message: FromWriter) => port.postMessage(message)
  let writer: Writer
  try {
    writer = new Writer(data, post)
  } catch (error) {
    const why = error instanceof StoreUnavailable ? error.why : 'unavailable'
    post({ type: 'refused', why, message: error instanceof Error ? error.message : String(error) })
    port.close()
    return
  }
  port.on('message', (message: ToWriter) => {
    switch (message.type) {
      case 'jobs':
        return writer.take(message.jobs.map(received))
      case 'anchor':
        return post(anchored(writer, message))
      case 'marks':
        return writer.signMarks(message.key)
      case 'close':
        return void writer.close().then(() => port.close())
      default:
        return message satisfies never
    }
  })
  post({ type: 'open', health: writer.health() })
}

if (parentPort) serveWriter(parentPort, workerData as WriterData)
