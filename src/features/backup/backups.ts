// Backs the server up: on request, soon after new keys, and once a day. A failure leaves the last good backup. It counts the keys that are in none.

import { createReadStream } from 'node:fs'
import { Refusal } from '../../base/refusal.ts'
import type { BackupAdministration, BackupFacts, BackupShown } from './port.ts'
import { serverActor, type By } from '../../core/audit/actor.ts'
import type { Audit } from '../../core/audit/audit.ts'
import { BackupError } from '../../core/backup/error.ts'
import type { BackupState } from '../../core/backup/state.ts'
import { BackupFolder, objectsOf, type KeptBackup } from './folder.ts'
import { checkRecipients } from '../../core/backup/keys.ts'
import { continuesLog, objectsElsewhere } from '../../core/backup/later.ts'
import type { Config } from '../../outside/config/options.ts'
import { lookWaitMs } from '../../base/bounds.ts'
import * as bounds from './bounds.ts'
import type { WriterHead } from '../../core/ports/audit.ts'
import type { Clock, Timer } from '../../core/ports/clock.ts'
import type { Lease, Leases } from '../../core/ports/leases.ts'
import type { OpenRootKey, RootKey } from '../../core/ports/root-key.ts'
import type { Store } from '../../core/ports/store.ts'
import type { Log } from '../../core/ports/log.ts'
import type { Access } from '../../core/trust/access.ts'
import type { Grantor } from '../../core/trust/grantor.ts'
import { runAfter } from './backup-after.ts'
import { runBackup } from './backup-thread.ts'
import { BoundedLook } from '../../host/bounded-look.ts'
import { writerOf } from '../../host/server-id.ts'
import { shownBackup } from './shown-backup.ts'
import type { StorePlace } from '../../host/store-place.ts'
import { shellWord } from '../../base/text/shell-word.ts'

export interface BackupParts {
  readonly store: Pick<Store, 'node' | 'secrets' | 'dataKeys' | 'objectCounts' | 'auditHeads'>
  /** The database's file. */
  readonly storePlace: StorePlace
  readonly rootKey: RootKey
  readonly openRootKey: OpenRootKey
  readonly serverId: string
  readonly version: string
  readonly access: Access
  readonly audit: Pick<Audit, 'enter'>
  readonly clock: Clock
  readonly leases: Leases
  readonly log: Log
  /** Asked each time. */
  readonly settings: () => Config['backup']
  readonly folder: string
}

interface Kept {
  readonly state: BackupState
  /** Newest first. */
  readonly backups: readonly KeptBackup[]
  readonly ofOthers: readonly KeptBackup[]
}

export class Backups implements BackupAdministration {
  readonly #parts: BackupParts
  readonly #writer: string
  readonly #folder: BackupFolder
  /** The folder may be on a network disk. */
  readonly #kept: BoundedLook<Kept>
  readonly #stopping = new AbortController()
  #timer: Timer | undefined
  #running: { done: number; total: number } | null = null
  #last: Promise<unknown> = Promise.resolve()
  /** Monotonic: the last attempt of the schedule, and of `after`; when keys were first seen in no backup. */
  #triedMs = -Infinity
  #copiedMs = -Infinity
  #isCopying = false
  #riskSinceMs: number | null = null
  /** Another node makes the backups of the schedule. */
  #isElsewhere = false
  /** The last one of this run, and when; its own time may have been set back. */
  #made: { readonly file: string; readonly atMs: number } | null = null
  #startedMs: number

  constructor(parts: BackupParts) {
    this.#parts = parts
    this.#writer = writerOf(parts.serverId, parts.store.node)
    const folder = new BackupFolder(parts.folder, parts.serverId, this.#writer, parts.clock)
    this.#folder = folder
    this.#kept = new BoundedLook(parts.clock, async () => {
      const state = await folder.state()
      const { own: backups, others: ofOthers } = await folder.look()
      return { state, backups, ofOthers }
    })
    this.#startedMs = parts.clock.monotonic()
  }

  /** Begins the schedule. Calls `failed` for what is no failure of a backup. */
  start(failed: (error: unknown) => void): void {
    this.#last = this.#folder.tidy().catch(failed)
    this.#timer = this.#parts.clock.every(bounds.backupTickMs, () => void this.tick().catch(failed))
  }

  async stop(): Promise<void> {
    this.#timer?.cancel()
    this.#stopping.abort()
    const ended = new AbortController()
    // A folder that does not answer holds nothing up.
    await Promise.race([this.#last, this.#parts.clock.sleep(bounds.backupStopMs, ended.signal)])
    ended.abort()
  }

  async list(): Promise<readonly BackupShown[]> {
    const { backups, state } = await this.#answering()
    return backups.map((backup) => shownBackup(backup, state.elsewhere?.createdMs ?? -Infinity))
  }

  /** For an unused server: the database of another one may be lost, and its backups may be here. Sentences for the administrator. */
  async warningsForUnused(): Promise<readonly string[]> {
    const looked = await this.#answering(lookWaitMs).catch(() => null)
    const newest = looked?.ofOthers[0]
    if (!newest) return []
    return [
      `${this.#parts.folder} has backups of another server, and this one is new. If it is to go on with the keys of the other one, stop it ` +
        `and restore the newest backup into an empty data folder: mortise restore ${shellWord(newest.file)} --data DIR`,
    ]
  }

  async facts(): Promise<BackupFacts> {
    const { clock, settings, folder, store } = this.#parts
    let folderTrouble: string | null = null
    const { state, backups } = await this.#answering(lookWaitMs).catch((error: BackupError): Kept => {
      folderTrouble = error.message
      return this.#kept.last ?? { state: {}, backups: [], ofOthers: [] }
    })
    const { heads } = await store.auditHeads({ asStored: true })
    const last = this.#newest(backups, heads)
    const { enabled, everySecondsMax } = settings()
    const ageMs = last ? this.#ageOf(last) : clock.monotonic() - this.#startedMs
    const overdue = ageMs > everySecondsMax * 1000 + bounds.backupGraceMs
    return {
      last: last && shownBackup(last, state.elsewhere?.createdMs ?? -Infinity),
      failure: state.failure ?? null,
      running: this.#running && { ...this.#running },
      keysAtRisk: await this.#madeSince(last && objectsOf(last.manifest)),
      keysOnlyHere: await this.#madeSince(objectsElsewhere(state, heads)),
      verifiedMs: state.verified?.atMs ?? null,
      tooOld: enabled && overdue && !this.#isElsewhere,
      folder,
      folderTrouble,
      scheduled: enabled,
    }
  }

  async create(by: By | Grantor, recipients: readonly string[]): Promise<BackupShown> {
    const shownRecipients = await checkRecipients(recipients)
    await this.#answering()
    try {
      const made = await this.#inTurn(async () => {
        if ('stillMay' in by) await by.stillMay?.()
        return this.#make(recipients)
      })
      await this.#enter('backup.create', by, 'success', made, { recipients: shownRecipients.join(' ') })
      return shownBackup(made, -Infinity)
    } catch (error) {
      if (error instanceof BackupError || !(error instanceof Refusal)) await this.#failed(error)
      await this.#enter('backup.create', by, 'refused', null, {})
      throw error
    }
  }

  /**
   * Has every key that is there now copied elsewhere, by a backup unless an older one has them all. Returns null, or why it could not,
   * as a sentence without a full stop.
   */
  async copyKeys(): Promise<string | null> {
    if (this.#parts.settings().after.length === 0)
      return 'no command copies backups elsewhere: set backup.after (docs/backup.md)'
    if ((await this.facts()).keysOnlyHere === 0) return null
    try {
      await this.create(serverActor, [])
      await this.#copy()
    } catch (error) {
      if (error instanceof BackupError) return error.message
      throw error
    }
    const { keysOnlyHere, failure } = await this.facts()
    if (keysOnlyHere === 0) return null
    return failure?.message ?? `${keysOnlyHere} keys are in no backup that was copied elsewhere yet`
  }

  async read(id: string): Promise<AsyncIterable<Uint8Array> | undefined> {
    const backup = await this.#find(id)
    if (!backup) return undefined
    return (async function* () {
      yield* createReadStream(backup.file) as AsyncIterable<Uint8Array>
    })()
  }

  async noteVerified(by: By, id: string): Promise<boolean> {
    const backup = await this.#find(id)
    if (!backup) return false
    await this.#note({ verified: { id: backup.manifest.id, atMs: this.#parts.clock.now() } })
    await this.#enter('backup.verify', by, 'success', backup, {})
    return true
  }

  /** Makes a backup, or copies the last one elsewhere, if it is time. */
  async tick(): Promise<void> {
    if (this.#running || this.#stopping.signal.aborted) return
    const { clock, settings } = this.#parts
    const { enabled, everySecondsMin, after } = settings()
    if (!enabled) return
    // A condition says why there is none; each attempt would hold a thread.
    const backups = (await this.#answering(lookWaitMs).catch(() => null))?.backups
    if (!backups) return
    const now = clock.monotonic()
    if (now - this.#triedMs >= everySecondsMin * 1000 && (await this.#isDue(now, backups))) {
      const lease = await this.#parts.leases.hold('backups')
      this.#isElsewhere = lease === undefined
      // Another tick may have begun one while this one waited.
      if (!lease || this.#triedMs >= now) return
      this.#triedMs = clock.monotonic()
      await this.#scheduled(lease)
    } else if (after.length > 0 && !this.#isElsewhere && now - this.#copiedMs >= everySecondsMin * 1000) {
      const { last } = await this.facts()
      if (last && !last.elsewhere) await this.#copy()
    }
  }

  async #isDue(nowMs: number, backups: readonly KeptBackup[]): Promise<boolean> {
    const { settings, store } = this.#parts
    const { delaySeconds, everySecondsMax } = settings()
    const last = this.#newest(backups, (await store.auditHeads()).heads)
    const atRisk = await this.#madeSince(last && objectsOf(last.manifest))
    this.#riskSinceMs = atRisk > 0 ? (this.#riskSinceMs ?? nowMs) : null
    if (this.#riskSinceMs !== null && nowMs - this.#riskSinceMs >= delaySeconds * 1000) return true
    if (!last) return nowMs - this.#startedMs >= delaySeconds * 1000
    // One of the future says that the clock was set back.
    const ageMs = this.#ageOf(last)
    return ageMs >= everySecondsMax * 1000 || ageMs < -bounds.backupGraceMs
  }

  /** The last one of this run, or of the history that this database goes on from: a restored one is older than what was made before. */
  #newest(backups: readonly KeptBackup[], heads: readonly WriterHead[]): KeptBackup | null {
    const made = backups.find(({ file }) => file === this.#made?.file)
    return made ?? backups.find(({ manifest }) => continuesLog(heads, manifest)) ?? null
  }

  #ageOf({ file, createdMs }: KeptBackup): number {
    const { clock } = this.#parts
    return file === this.#made?.file ? clock.monotonic() - this.#made.atMs : clock.now() - createdMs
  }

  async #scheduled(lease: Lease): Promise<void> {
    const { log, settings, leases } = this.#parts
    try {
      const made = await this.#inTurn(() => this.#make([]))
      this.#riskSinceMs = null
      log.info({ file: made.file, bytes: made.bytes }, 'a backup was made')
      await this.#enter('backup.create', serverActor, 'success', made, {})
      // The folder may be the other node's too.
      if (!lease.isHeld()) return
      await this.#folder.prune(settings(), made.file)
      await this.#copy()
    } catch (error) {
      // Another node may fare better, and this one tries again later.
      await leases.giveBack(lease)
      if (!this.#stopping.signal.aborted) await this.#failed(error)
    }
  }

  /** One at a time: another one may take long. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work)
    this.#last = result.catch(() => undefined)
    return result
  }

  async #make(recipients: readonly string[]): Promise<KeptBackup> {
    const { clock, access, ...parts } = this.#parts
    // Also those whose keys are in the database until a move is over.
    const instanceIds = async () =>
      [...(await access.snapshot()).tables.instance.values()]
        .filter(({ custody, work }) => [custody, work?.fromCustody].includes('database'))
        .map(({ id }) => id)
    this.#running = { done: 0, total: 0 }
    try {
      await this.#folder.prepare()
      const { file } = await runBackup({
        ...parts,
        writer: this.#writer,
        nowMs: clock.now(),
        fileFor: (about) => this.#folder.fileFor(about),
        force: false,
        recipients,
        instanceIds,
        onProgress: (done, total) => (this.#running = { done, total }),
        signal: this.#stopping.signal,
      })
      const made = (await this.#kept.anew()).backups.find((backup) => backup.file === file)
      if (!made) throw new BackupError(`the backup ${file} is not there any more`)
      this.#made = { file, atMs: clock.monotonic() }
      await this.#note({ failure: null })
      return made
    } finally {
      this.#running = null
    }
  }

  /** Hands the newest backup to the command `after`, unless that still copies one. */
  async #copy(): Promise<void> {
    const { settings, clock, store } = this.#parts
    const { after } = settings()
    if (after.length === 0 || this.#isCopying) return
    this.#isCopying = true
    try {
      const { heads } = await store.auditHeads()
      const newest = this.#newest((await this.#kept.anew()).backups, heads)
      if (newest) await this.#copyByCommand(after, newest)
    } finally {
      this.#isCopying = false
      this.#copiedMs = clock.monotonic()
    }
  }

  async #copyByCommand(after: readonly string[], { file, manifest, createdMs }: KeptBackup): Promise<void> {
    const failure = await runAfter(after, file, this.#stopping.signal)
    if (this.#stopping.signal.aborted) return
    if (failure === null) {
      await this.#note({
        failure: null,
        elsewhere: { id: manifest.id, createdMs, objects: objectsOf(manifest), audit: manifest.audit },
      })
      this.#parts.log.info({ file }, 'a backup was copied elsewhere')
    } else await this.#failed(new BackupError(`the command backup.after failed: ${failure}`))
  }

  /** Throws BackupError, and nothing else. */
  async #answering(waitMs: number = bounds.backupFolderWaitMs): Promise<Kept> {
    const { folder } = this.#parts
    try {
      const looked = await this.#kept.now(waitMs)
      if (looked) return looked.answer
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause)
      const hint = 'Look at backup.folder and its rights; or name another folder (backup.folder) and restart.'
      throw new BackupError(`the backup folder ${folder} cannot be read: ${why}`, hint, { cause })
    }
    throw new BackupError(
      `the backup folder ${folder} does not answer`,
      'Look at its mount, and bring its server back; or name another folder (backup.folder) and restart.',
    )
  }

  async #note(more: BackupState): Promise<void> {
    await this.#folder.note(more)
    this.#kept.renew()
  }

  async #failed(cause: unknown): Promise<void> {
    const { log, clock } = this.#parts
    const message = cause instanceof Error ? cause.message : String(cause)
    log.error({ error: cause }, 'a backup failed')
    // A full disk may not even take this; then the log and the age say it.
    await this.#note({ failure: { atMs: clock.now(), message } }).catch(() => undefined)
  }

  /** Objects made since those were counted. */
  async #madeSince(counted: Readonly<Record<string, number>> | null): Promise<number> {
    const { access, store, clock } = this.#parts
    const { tables } = await access.snapshot()
    let made = 0
    for (const id of tables.instance.keys()) {
      const counts = await store.objectCounts(id, clock.now())
      const total = Object.values(counts).reduce((sum, count) => sum + count, 0)
      made += Math.max(0, total - (counted?.[id] ?? 0))
    }
    return made
  }

  async #find(id: string): Promise<KeptBackup | undefined> {
    return (await this.#answering()).backups.find(({ manifest }) => manifest.id === id)
  }

  async #enter(
    action: 'backup.create' | 'backup.verify',
    { requestId = null, ...actor }: By,
    result: 'success' | 'refused',
    backup: KeptBackup | null,
    more: Readonly<Record<string, string>>,
  ): Promise<void> {
    const detail = backup && { file: backup.file, bytes: backup.bytes, ...more }
    const reason = result === 'refused' ? 'GeneralFailure' : null
    const object = backup?.manifest.id ?? null
    // A backup that is there counts, also where the disk takes no entry.
    await this.#parts.audit
      .enter({ action, result, instanceId: null, object, reason, requestId, detail, actor })
      .catch((error: unknown) => this.#parts.log.error({ error }, 'enter a backup into the audit log'))
  }
}
