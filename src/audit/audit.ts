// The audit log: checkpoints, listing, export, pruning. Entries themselves are made where the act is (keys.ts,
// trust/changes.ts) and chained by the store inside the same transaction; whether a log was touched is decided in
// audit-proof.ts, which also works offline.

import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  sign,
  type KeyObject,
} from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { promisify } from 'node:util'
import { limits } from '../limits.ts'
import {
  exportHead,
  genuineBody,
  mayBePruned,
  verifyLog,
  type AuditProof,
  type CheckpointBody,
  type LogParts,
} from './proof.ts'
import { serverActor } from './actor.ts'
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

/** Where the signing key is kept: `ensure` makes the named secrets in an empty store, and reads them otherwise. */
export interface SigningKeySource {
  ensure(
    names: readonly string[],
    make: () => Promise<Record<string, Buffer>>,
  ): Promise<Record<string, Buffer>>
}

const signingKeyName = 'audit-signing-key'
const pageEntries = 500

export class Audit {
  readonly #store: Store
  readonly #clock: Clock
  readonly #signingKey: KeyObject
  readonly #published: (checkpoint: AuditCheckpoint) => void
  #timer: Timer | undefined
  #trustVersion = 0

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

  /** `published` gets each checkpoint for the log stream, so that a copy exists outside (design: Audit). */
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

  /** The key that checkpoints are checked with: SPKI, base64. */
  get publicKey(): string {
    return createPublicKey(this.#signingKey).export({ type: 'spki', format: 'der' }).toString('base64')
  }

  /**
   * Signs the heads of all writers and keeps the result. Makes none when nothing was entered since the last. The
   * beginnings that it names are those of the checkpoint before, not whatever lies in the store, unless the log was
   * pruned by us: that is announced in a checkpoint first (`pruning`), so that a prune that was killed half way is
   * finished here, and one that somebody did by hand is found.
   */
  async checkpoint(pruning?: number): Promise<AuditCheckpoint | undefined> {
    for (let attempt = 0; attempt < limits.conflictRetriesMax; attempt++) {
      const [last] = await this.#store.checkpoints(1)
      // One that was forged says nothing, least of all what to prune; `verify` tells of it.
      const lastBody = last && genuineBody(last, createPublicKey(this.#signingKey))
      if (lastBody?.pruning !== undefined && pruning === undefined) await this.#removePruned(lastBody)
      const { heads, beginnings: stored } = await this.#store.auditHeads()
      const beginnings = lastBody ? provedBeginnings(lastBody, stored) : []
      const unchanged = JSON.stringify(lastBody?.heads) === JSON.stringify(heads)
      if (heads.length === 0 || (unchanged && lastBody?.pruning === undefined && pruning === undefined))
        return undefined
      const trustVersion = Math.max(this.#trustVersion, lastBody?.trustVersion ?? 0)
      const checkpoint = this.#sign({
        number: (last?.number ?? 0) + 1,
        atMs: this.#clock.now(),
        heads,
        beginnings,
        previous: hashOf(last),
        trustVersion,
        ...(pruning !== undefined && { pruning }),
      })
      try {
        await this.#store.commit({
          writes: [{ type: 'checkpoint', checkpoint }],
          entries: [],
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
   * For who commits it together with what a restore changes: signs for what the log is now, under a number above every
   * one that is known, and says so. The entries of that commit are left to the next checkpoint.
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

  /** The trusted rows were seen whole at this version; the next checkpoint signs it. */
  noteTrust(version: number): void {
    this.#trustVersion = Math.max(this.#trustVersion, version)
  }

  /** The version of the trusted rows that the last checkpoint signed for; 0 when it signed for none. */
  async signedTrustVersion(): Promise<number> {
    const [last] = await this.#store.checkpoints(1)
    return (last && genuineBody(last, createPublicKey(this.#signingKey))?.trustVersion) ?? 0
  }

  /** A checkpoint each minute until `stop`. `failed` is told when one could not be made. */
  start(failed: (error: unknown) => void): void {
    this.#timer = this.#clock.every(limits.checkpointEveryMs, () => void this.checkpoint().catch(failed))
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

  /** Enters something that is no act on a key or on trust: a refusal at the door, a start, an outage. */
  async enter(entry: Omit<AuditEntry, 'atMs' | 'actor'> & { readonly actor?: Actor }): Promise<void> {
    const whole: AuditEntry = { actor: serverActor, ...entry, atMs: this.#clock.now() }
    await this.#store.commit({ writes: [], entries: [whole], durability: 'process' })
  }

  /** Verifies the whole log as it lies in the store. */
  async verify(): Promise<AuditProof> {
    return verifyLog(await this.#parts(), { publicKey: this.publicKey })
  }

  /** The log as lines of JSON: a head with the public key and beginnings, all checkpoints, all entries. */
  async *export(): AsyncGenerator<string> {
    const { beginnings } = await this.#store.auditHeads()
    yield exportHead(this.publicKey, beginnings, this.#clock.now())
    for (const checkpoint of await this.#checkpoints()) yield JSON.stringify({ checkpoint })
    for await (const entry of this.#entries()) yield JSON.stringify({ entry })
  }

  /**
   * Removes entries older than `beforeMs` that a checkpoint covers. What remains begins where the removed ones
   * ended, and that is entered and signed.
   */
  async prune(actor: Actor, beforeMs: number): Promise<void> {
    await this.enter({
      action: 'audit.prune',
      result: 'success',
      instanceId: null,
      object: null,
      actor,
      reason: null,
      requestId: null,
      detail: { before: new Date(beforeMs).toISOString() },
    })
    await this.checkpoint(beforeMs)
    await this.checkpoint()
  }

  async #removePruned({ pruning = 0, heads }: CheckpointBody): Promise<void> {
    await this.#store.commit({
      writes: [{ type: 'prune', beforeMs: pruning, upTo: heads }],
      entries: [],
      durability: 'disk',
    })
  }

  async #parts(): Promise<LogParts> {
    const { beginnings } = await this.#store.auditHeads()
    return { beginnings, checkpoints: await this.#checkpoints(), entries: this.#entries() }
  }

  async #checkpoints(): Promise<readonly AuditCheckpoint[]> {
    return (await this.#store.checkpoints(Number.MAX_SAFE_INTEGER)).toSorted((a, b) => a.number - b.number)
  }

  async *#entries(): AsyncGenerator<StoredAuditEntry> {
    let after: string | null | undefined
    do {
      const page = await this.#store.audit({ order: 'oldest', limit: pageEntries, ...(after && { after }) })
      yield* page.entries
      after = page.after
      // A long log must not hold up the requests that are served meanwhile.
      await nextTurn()
    } while (after !== null)
  }
}

function hashOf(checkpoint: AuditCheckpoint | undefined): string {
  return checkpoint ? createHash('sha256').update(checkpoint.body).digest('hex') : ''
}

/** The beginnings as they were signed last; after an announced prune those that it may have brought about. */
function provedBeginnings(last: CheckpointBody, stored: readonly WriterHead[]): readonly WriterHead[] {
  if (last.pruning === undefined) return last.beginnings
  return stored.flatMap((beginning) => {
    if (mayBePruned(last, beginning.writer, beginning.number)) return [beginning]
    return last.beginnings.filter(({ writer }) => writer === beginning.writer)
  })
}
