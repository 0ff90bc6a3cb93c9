// Changes trust. One transaction decides by the current rows, writes the new rows with their MACs and a new head, and enters the
// audit. If another node changed trust at the same moment, it decides again. client-changes.ts, token-changes.ts and
// core/instances/ define the changes.

import { randomInt } from 'node:crypto'
import { conflictRetriesMax } from '../../base/bounds.ts'
import { Refusal } from '../../base/refusal.ts'
import { trustRowsPerInstanceMax } from './bounds.ts'
import type { Access } from './access.ts'
import type { By } from '../audit/actor.ts'
import { StoreConflict, type Store, type Write } from '../ports/store.ts'
import type { Expectation } from '../ports/expectation.ts'
import type { Actor, AuditEntry } from '../ports/audit.ts'
import type { Clock } from '../ports/clock.ts'
import type { ChangePace } from './change-pace.ts'
import type { Grantor } from './grantor.ts'
import { hasRoom } from './row-room.ts'
import { newerRows, rowWrites, type RowChange } from './row-writes.ts'
import { tablesAfter, type Macs, type TrustSnapshot } from './rows.ts'
import type { TrustKinds, TrustTables } from './rows.ts'

/** The longest delay until a refused attempt on a client of another instance is in that instance's audit. */
export const trustNoticeDelayMsMax = 2_000

/** A refused change of trust, with advice. Safe to show. */
export class TrustRefused extends Refusal {
  override readonly name = 'TrustRefused'
  readonly why: TrustTrouble
  constructor(why: TrustTrouble, message: string, hint?: string) {
    super(codeOf[why], message, hint)
    this.why = why
  }
}

const codeOf = {
  'not-found': 'not-found',
  forbidden: 'forbidden',
  unfit: 'refused',
  exists: 'conflict',
  overlap: 'conflict',
  'in-use': 'conflict',
  waiting: 'conflict',
  damaged: 'conflict',
} as const

type TrustTrouble = keyof typeof codeOf

/** A refusal because of the asker's rights. The writer enters it in the audit. */
export class TrustForbidden extends TrustRefused {
  readonly event: TrustEvent
  /**
   * Entries for other instances. The writer enters them some time after the answer, so that the timing of the answer reveals
   * nothing.
   */
  readonly afterwards: () => readonly TrustEvent[]
  constructor(
    message: string,
    hint: string,
    event: TrustEvent,
    afterwards: TrustForbidden['afterwards'] = () => [],
  ) {
    super('forbidden', message, hint)
    this.event = event
    this.afterwards = afterwards
  }
}

/** The audit entry of a change, or of its refusal. */
export interface TrustEvent {
  readonly action: AuditEntry['action']
  readonly object: string
  readonly instanceId: string | null
  readonly detail?: Readonly<Record<string, string | number | boolean>>
}

/** One change: the rows to put and remove, the audit entries, and the caller's result. */
export interface TrustDraft<T> extends TrustEvent, RowChange {
  readonly writes?: readonly Write[]
  readonly expect?: Expectation
  /** Entries for the change's other effects, on another instance or on a block. */
  readonly also?: readonly TrustEvent[]
  readonly result: T
}

/**
 * Builds the answer to a change from the future rows, before the commit. If that fails, the change is not made. May be called
 * again with newer rows.
 */
export type Present<T, A> = (result: T, tables: TrustTables) => A | Promise<A>

export interface TrustWriterOptions {
  readonly store: Store
  readonly macs: Macs
  readonly clock: Clock
  readonly access: Access
  readonly changePace: ChangePace
  /** Called after each change, so that a checkpoint can sign it. */
  readonly changed?: () => void
}

export class TrustWriter {
  readonly #store: Store
  readonly #macs: Macs
  readonly #clock: Clock
  readonly #access: Access
  readonly #pace: ChangePace
  readonly #changed: () => void

  constructor(options: TrustWriterOptions) {
    this.#store = options.store
    this.#macs = options.macs
    this.#clock = options.clock
    this.#access = options.access
    this.#pace = options.changePace
    this.#changed = options.changed ?? (() => {})
  }

  /**
   * `draft` decides. It throws TrustRefused, and may be called again on newer rows. Durable on return. Enters TrustForbidden in
   * the audit and rethrows it.
   */
  async change<T, A = T>(
    by: By | Grantor,
    draft: (snapshot: TrustSnapshot, nowMs: number) => TrustDraft<T> | Promise<TrustDraft<T>>,
    present?: Present<T, A>,
  ): Promise<A> {
    for (let attempt = 0; ; attempt++) {
      const snapshot = await this.#snapshotFor(by)
      if (!snapshot.intact)
        throw new TrustRefused(
          'damaged',
          'the list of trusted rows in the database was altered: nothing of it can be changed',
          'Restore the database from a backup; the server cannot tell what was trusted from what was written without it.',
        )
      let made: TrustDraft<T>
      try {
        made = await draft(snapshot, this.#clock.now())
      } catch (error) {
        if (error instanceof TrustForbidden) await this.#enterRefusal(by, error)
        throw error
      }
      requireRoom(by, snapshot, made)
      // A decision from before the wait may be too old.
      if (attempt === 0 && (await this.#waited(by))) continue
      const consent = 'consent' in by ? by.consent : undefined
      const along = consent?.along(snapshot, this.#clock.now())
      if (along)
        made = {
          ...made,
          put: [...(made.put ?? []), ...along.put],
          writes: [...(made.writes ?? []), ...along.writes],
        }
      // Without `present`, A is T.
      const answer = present
        ? await present(made.result, tablesAfter(snapshot.tables, made))
        : (made.result as unknown as A)
      try {
        await this.#store.commit({
          expect: { ...made.expect, ...consent?.expect, trustVersion: snapshot.version },
          writes: this.#writes(snapshot, made),
          entries: [
            ...[made, ...(made.also ?? [])].map((event) => this.#entry(by, event, 'success')),
            ...(along?.entries ?? []),
          ],
          durability: 'disk',
        })
        this.#changed()
        return answer
      } catch (error) {
        if (!(error instanceof StoreConflict) || error.what === 'name') throw error
        if (consent?.expect && error.what === 'object') throw notAsApproved(error)
        if (attempt >= conflictRetriesMax) throw error
      }
    }
  }

  /** The current rows, if `by` may still change trust. */
  async #snapshotFor(by: By | Grantor): Promise<TrustSnapshot> {
    for (let attempt = 0; ; attempt++) {
      const snapshot = await this.#access.snapshot()
      const standing = 'stillMay' in by ? await by.stillMay?.() : undefined
      if (!standing || standing.trustVersion === snapshot.version) return snapshot
      if (attempt >= conflictRetriesMax)
        throw new StoreConflict('trust', 'the trusted rows are being changed by others all the time')
    }
  }

  /** Counts a change by a party of one instance alone, or by a person who is logged in. Returns whether it had to wait. */
  async #waited(by: By | Grantor): Promise<boolean> {
    const party = 'role' in by ? by.onlyInstanceId : by.kind === 'person' ? by.id : null
    if (party === null) return false
    for (let waited = false; ; waited = true) {
      const early = this.#pace.take(party)
      if (early === 0) return waited
      await this.#clock.sleep(early)
    }
  }

  #writes(snapshot: TrustSnapshot, draft: TrustDraft<unknown>): readonly Write[] {
    const [newer] = newerRows(snapshot, draft)
    if (newer !== undefined)
      throw new TrustRefused(
        'unfit',
        `the row ${newer} was written by a newer version of Mortise`,
        'Do this on a node of that version.',
      )
    return [...rowWrites(this.#macs, snapshot, draft), ...(draft.writes ?? [])]
  }

  /** A refusal stands even if it cannot be entered in the audit. */
  async #enterRefusal(by: By | Grantor, { event, afterwards }: TrustForbidden): Promise<void> {
    const enter = (events: readonly TrustEvent[]) => {
      const entries = events.map((one) => this.#entry(by, one, 'refused'))
      return this.#store.commit({ writes: [], entries, durability: 'process' }).catch(() => undefined)
    }
    await enter([event])
    this.#clock.after(randomInt(trustNoticeDelayMsMax), () => {
      const others = afterwards()
      if (others.length > 0) void enter(others)
    })
  }

  #entry(by: By | Grantor, event: TrustEvent, result: 'success' | 'refused'): AuditEntry {
    const { action, object, instanceId, detail = null } = event
    return {
      atMs: this.#clock.now(),
      action,
      result,
      instanceId,
      object,
      actor: actorFor(by, instanceId),
      reason: result === 'refused' ? 'PermissionDenied' : null,
      requestId: by.requestId ?? null,
      detail,
    }
  }
}

/** Throws TrustRefused if a party of one instance alone would add more rows than allowed. */
function requireRoom(by: By | Grantor, { tables }: TrustSnapshot, change: RowChange): void {
  const instanceId = 'onlyInstanceId' in by ? by.onlyInstanceId : null
  if (instanceId === null || hasRoom(tables, change, instanceId)) return
  throw new TrustRefused(
    'unfit',
    `this instance has as many clients, certificates and tokens as it may (${trustRowsPerInstanceMax} rows, with those that were issued for it)`,
    'Remove clients and tokens that nothing needs any more, or ask a person who has a token for all instances to do it.',
  )
}

function notAsApproved(cause: StoreConflict): TrustRefused {
  return new TrustRefused(
    'in-use',
    `objects were made or destroyed at the moment of the approval: ${cause.message}`,
    'Look at it again, and ask again if it is still wanted.',
  )
}

/** The actor in the audit of an instance. For a token of another instance, only its id. */
function actorFor(by: By | Grantor, instanceId: string | null): Actor {
  const { kind, id, name, certificateSha256, address } = by
  const own = 'onlyInstanceId' in by ? by.onlyInstanceId : null
  if (own !== null && instanceId !== null && instanceId !== own)
    return { kind, id, name: null, certificateSha256: null, address: null }
  return { kind, id, name, certificateSha256, address }
}

/** Returns the instance, or throws TrustRefused. */
export function requireInstance({ tables }: TrustSnapshot, instanceId: string): TrustKinds['instance'] {
  const instance = tables.instance.get(instanceId)
  if (!instance) throw new TrustRefused('not-found', `there is no instance ${instanceId}`)
  return instance
}
