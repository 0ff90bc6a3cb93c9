// The audit log: checkpoints, listing, export, pruning. The code that acts writes its entry (core/keys/, core/trust/writer.ts),
// and the store chains the entry in the same transaction. proof.ts finds out whether a log was altered, also offline.

import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  sign,
  type KeyObject,
} from 'node:crypto'
import { promisify } from 'node:util'
import { conflictRetriesMax } from '../../base/bounds.ts'
import { checkpointEveryMs } from './bounds.ts'
import { JointRuns } from '../../base/joint-runs.ts'
import { auditEntries } from './entries.ts'
import { exportHead } from './export.ts'
import { mayBePruned, type AuditProof, type CheckpointBody, type LogParts } from './proof.ts'
import { genuineBody, verifyLog } from './verify.ts'
import { serverActor, type By } from './actor.ts'
import type { Actor } from '../ports/audit.ts'
import { StoreConflict, type Store } from '../ports/store.ts'
import type {
  AuditCheckpoint,
  AuditEntry,
  AuditQuery,
  CheckpointWrite,
  StoredAuditEntry,
  WriterHead,
} from '../ports/audit.ts'
import type { Clock, Timer } from '../ports/clock.ts'
import type { MarksEnd } from '../ports/marks.ts'

/** The storage of the signing key. `ensure` creates the named secrets in an empty store, and reads them otherwise. */
export interface SigningKeySource {
  ensure(
    names: readonly string[],
    make: () => Promise<Record<string, Buffer>>,
  ): Promise<Record<string, Buffer>>
}

export const signingKeyName = 'audit-signing-key'
const pageEntries = 500

export class Audit {
  readonly #store: Store
  readonly #clock: Clock
  readonly #signingKey: KeyObject
  readonly #published: (checkpoint: AuditCheckpoint) => void
  #timer: Timer | undefined
  #trustVersion = 0
  readonly #proofs = new JointRuns(() => this.#prove())

  private constructor(
    store: Store,
    clock: Clock,
    signingKey: KeyObject,
    published: (checkpoint: AuditCheckpoint) => void,
  ) {
    this.#store = store
    this.#clock = clock
    this.#signingKey = signingKey
    this.#published = published
  }

  /** Calls `published` with each checkpoint, so that the log stream holds a copy outside the server (design: Audit). */
  static async open(
    store: Store,
    clock: Clock,
    secrets: SigningKeySource,
    published: (checkpoint: AuditCheckpoint) => void,
  ): Promise<Audit> {
    const kept = await secrets.ensure([signingKeyName], async () => {
      const { privateKey } = await promisify(generateKeyPair)('ed25519')
      return { [signingKeyName]: privateKey.export({ type: 'pkcs8', format: 'der' }) }
    })
    const der = kept[signingKeyName] ?? Buffer.alloc(0)
    const signingKey = createPrivateKey({ key: der, type: 'pkcs8', format: 'der' })
    der.fill(0)
    return new Audit(store, clock, signingKey, published)
  }

  /** The public key that verifies checkpoints: SPKI, base64. */
  get publicKey(): string {
    return createPublicKey(this.#signingKey).export({ type: 'spki', format: 'der' }).toString('base64')
  }

  /**
   * Signs the heads of all writers and stores the result. Creates no checkpoint if there are no new entries since the last one.
   * Takes the beginnings from the last checkpoint, not from the store, unless this server pruned the log. Before a prune, a
   * checkpoint announces it (`pruning`). So this method completes a prune that was killed half way, with the times of its
   * announcement and before the next one, and detects entries that were removed by hand. Commits `entries` with the announcement.
   */
  async checkpoint(
    pruning?: number,
    entries: readonly AuditEntry[] = [],
  ): Promise<AuditCheckpoint | undefined> {
    for (let attempt = 0; attempt < conflictRetriesMax; attempt++) {
      const [last] = await this.#store.checkpoints(1)
      // Ignore a forged checkpoint, and above all its beginnings. `verify` reports it.
      const lastBody = last && genuineBody(last, createPublicKey(this.#signingKey))
      try {
        if (lastBody?.pruning !== undefined) await this.#removePruned(lastBody)
        const checkpoint = await this.#next(last, lastBody, pruning)
        if (!checkpoint) return undefined
        await this.#store.commit({
          writes: [{ type: 'checkpoint', checkpoint }],
          entries,
          durability: 'disk',
        })
        this.#published(checkpoint)
        return checkpoint
      } catch (error) {
        if (!(error instanceof StoreConflict)) throw error
      }
    }
    return undefined
  }

  /**
   * The next checkpoint. Undefined: nothing has changed since the last one. `lastBody`: undefined if there is none or it is
   * forged.
   */
  async #next(
    last: AuditCheckpoint | undefined,
    lastBody: CheckpointBody | undefined,
    pruning: number | undefined,
  ): Promise<AuditCheckpoint | undefined> {
    const { heads, beginnings: stored } = await this.#store.auditHeads()
    const nowMs = this.#clock.now()
    const beginnings = lastBody ? provedBeginnings(lastBody, stored) : []
    const marks = await this.#marksToSign(lastBody?.marks)
    const isAsBefore = (of: 'heads' | 'marks', now: unknown) =>
      JSON.stringify(lastBody?.[of]) === JSON.stringify(now)
    const unchanged = heads.length === 0 || (isAsBefore('heads', heads) && isAsBefore('marks', marks))
    if (unchanged && lastBody?.pruning === undefined && pruning === undefined) return undefined
    const trustVersion = Math.max(this.#trustVersion, lastBody?.trustVersion ?? 0)
    const pruned =
      pruning === undefined ? [] : await this.#store.prunable({ beforeMs: pruning, nowMs }, heads)
    return this.#sign({
      number: (last?.number ?? 0) + 1,
      atMs: nowMs,
      heads,
      beginnings,
      previous: hashOf(last),
      trustVersion,
      ...(marks && { marks }),
      ...(pruning !== undefined && { pruning, pruned }),
    })
  }

  /**
   * The end of the marks. If the list does not have the signed end any more: the signed end again, so that every later check
   * finds the loss.
   */
  async #marksToSign(signed: MarksEnd | undefined): Promise<MarksEnd | undefined> {
    if (signed) {
      const [mark] = await this.#store.marksAfter(signed.number - 1, 1)
      const isThere =
        mark?.number === signed.number && Buffer.from(mark.digest).toString('hex') === signed.digest
      if (!isThere) return signed
    }
    return (await this.#store.marksEnd()) ?? undefined
  }

  /**
   * A checkpoint for an accepted restore. The caller commits it together with the restore's changes. It signs the log as it is,
   * records that it follows a restore, and has a number above every known one. The next checkpoint signs the entries of that
   * commit.
   */
  async restoredCheckpoint(known: number, trustVersion: number): Promise<CheckpointWrite> {
    const [last] = await this.#store.checkpoints(1)
    const lastBody = last && genuineBody(last, createPublicKey(this.#signingKey))
    const { heads, beginnings: stored } = await this.#store.auditHeads()
    const beginnings = lastBody ? provedBeginnings(lastBody, stored) : []
    const follows = last?.number ?? 0
    const number = Math.max(follows, known) + 1
    const [atMs, previous] = [this.#clock.now(), hashOf(last)]
    const checkpoint = this.#sign({ number, atMs, heads, beginnings, previous, trustVersion, follows })
    return { type: 'checkpoint', checkpoint, follows }
  }

  #sign(content: CheckpointBody): AuditCheckpoint {
    const body = JSON.stringify(content)
    const signature = sign(null, Buffer.from(body), this.#signingKey).toString('base64')
    return { number: content.number, body, signature }
  }

  /** Records that the rows of trust passed their check at this version. The next checkpoint signs it. */
  noteTrust(version: number): void {
    this.#trustVersion = Math.max(this.#trustVersion, version)
  }

  /** The trust version that the last checkpoint signed. 0: it signed none. */
  async signedTrustVersion(): Promise<number> {
    const [last] = await this.#store.checkpoints(1)
    return (last && genuineBody(last, createPublicKey(this.#signingKey))?.trustVersion) ?? 0
  }

  /** The end of the marks that the last checkpoint signed. Null: it signed none. */
  async signedMarks(): Promise<MarksEnd | null> {
    const [last] = await this.#store.checkpoints(1)
    return (last && genuineBody(last, createPublicKey(this.#signingKey))?.marks) ?? null
  }

  /** Creates a checkpoint each minute until `stop`. Calls `failed` with an error. */
  start(failed: (error: unknown) => void): void {
    this.#timer = this.#clock.every(checkpointEveryMs, () => void this.checkpoint().catch(failed))
  }

  async stop(): Promise<void> {
    this.#timer?.cancel()
    await this.checkpoint()
  }

  async list(query: AuditQuery): Promise<{
    readonly entries: readonly StoredAuditEntry[]
    readonly after: string | null
  }> {
    return this.#store.audit(query)
  }

  /** Enters an event that does not change keys or trust: a refusal at the listener, a start, an outage. */
  async enter(entry: Omit<AuditEntry, 'atMs' | 'actor'> & { readonly actor?: Actor }): Promise<void> {
    const whole: AuditEntry = { actor: serverActor, ...entry, atMs: this.#clock.now() }
    await this.#store.commit({ writes: [], entries: [whole], durability: 'process' })
  }

  /** Verifies the whole log in the store, and once more if it was pruned meanwhile. Concurrent calls share a run. */
  verify(): Promise<AuditProof> {
    return this.#proofs.next()
  }

  async #prove(): Promise<AuditProof> {
    for (;;) {
      const parts = await this.#parts()
      const proof = await verifyLog(parts, { publicKey: this.publicKey })
      // An exported log has only signed data. The lists of a store also use columns, which are checked here.
      const misfiled = (await this.#store.auditMisfiled()).map(
        ({ writer, number }) =>
          `writer ${writer}: lists may leave entry ${String(number)} out, since the columns that they find it by were changed`,
      )
      const problems = [...proof.problems, ...misfiled]
      if (await this.#beginsAt(parts.beginnings)) return { ...proof, ok: problems.length === 0, problems }
    }
  }

  /**
   * The log as lines of JSON: first the public key and where the log begins and ends, then all checkpoints, then all entries.
   * Throws an Error at the end if the log was pruned meanwhile, since the lines would not belong together.
   */
  async *export(): AsyncGenerator<string> {
    const { beginnings, ends, checkpoints, entries } = await this.#parts()
    yield exportHead(this.publicKey, { beginnings, ends }, this.#clock.now())
    for (const checkpoint of checkpoints) yield JSON.stringify({ checkpoint })
    for await (const entry of entries) yield JSON.stringify({ entry })
    if (!(await this.#beginsAt(beginnings)))
      throw new Error('the audit log was pruned while it was exported: export it once more')
  }

  /**
   * Removes entries older than `beforeMs` that a checkpoint covers. The log then begins at the end of the removed part. One
   * commit records this in an entry and a checkpoint. From then on the server completes the prune, also after a kill. Returns how
   * many entries were removed.
   */
  async prune({ requestId = null, ...actor }: By, beforeMs: number): Promise<number> {
    const removedBefore = await this.#removedCount()
    const entry: AuditEntry = {
      atMs: this.#clock.now(),
      action: 'audit.prune',
      result: 'success',
      instanceId: null,
      object: null,
      actor,
      reason: null,
      requestId,
      detail: { before: new Date(beforeMs).toISOString() },
    }
    if (!(await this.checkpoint(beforeMs, [entry])))
      throw new StoreConflict('checkpoint', 'others sign checkpoints of the audit log all the time')
    await this.checkpoint()
    return (await this.#removedCount()) - removedBefore
  }

  async #removedCount(): Promise<number> {
    const { beginnings } = await this.#store.auditHeads()
    return beginnings.reduce((sum, { number }) => sum + number, 0)
  }

  /** Throws StoreConflict if another checkpoint followed this announcement. */
  async #removePruned({ number, pruning = 0, heads, atMs: nowMs }: CheckpointBody): Promise<void> {
    await this.#store.commit({
      writes: [{ type: 'prune', checkpoint: number, beforeMs: pruning, nowMs, upTo: heads }],
      entries: [],
      durability: 'disk',
    })
  }

  async #parts(): Promise<Required<LogParts>> {
    const { beginnings, heads: ends } = await this.#store.auditHeads()
    return { beginnings, ends, checkpoints: await this.#checkpoints(), entries: this.#entries() }
  }

  /** Whether the log begins at the known heads. A writer that began later has a beginning after them. */
  async #beginsAt(known: readonly WriterHead[]): Promise<boolean> {
    const { beginnings } = await this.#store.auditHeads()
    return known.every(({ number }, index) => beginnings[index]?.number === number)
  }

  async #checkpoints(): Promise<readonly AuditCheckpoint[]> {
    return (await this.#store.checkpoints(Number.MAX_SAFE_INTEGER)).toSorted((a, b) => a.number - b.number)
  }

  #entries(): AsyncGenerator<StoredAuditEntry> {
    return auditEntries(this.#store, { order: 'oldest', limit: pageEntries })
  }
}

function hashOf(checkpoint: AuditCheckpoint | undefined): string {
  return checkpoint ? createHash('sha256').update(checkpoint.body).digest('hex') : ''
}

/** The beginnings of the last checkpoint. After an announced prune also the beginnings that this prune may have created. */
function provedBeginnings(last: CheckpointBody, stored: readonly WriterHead[]): readonly WriterHead[] {
  if (last.pruning === undefined) return last.beginnings
  return stored.flatMap((beginning) => {
    if (mayBePruned(last, beginning)) return [beginning]
    return last.beginnings.filter(({ writer }) => writer === beginning.writer)
  })
}
