// Remembers troubles with standard keys at a root key's service that opens the existing ones: new ones are not stored, unwanted
// ones are not deleted, closings are not recorded, another server uses the same instance. It keeps each trouble by instance until
// it is over, and reports each change once. features/status/conditions/stored-keys.ts has the texts.

import { StoreConflict } from '../ports/store.ts'
import type { Clock } from '../ports/clock.ts'
import type { StandardKeyRecord } from '../ports/secrets.ts'
import { RootKeyError, StandardKeyUncertain } from '../ports/root-key.ts'

/** How long the server reports that another server stored keys of the same instance. */
export const anotherServerToldMs = 24 * 3600_000
/** The server reports undeleted standard keys when the service has not answered for this long. */
export const standardKeyLeftAfterMs = 5 * 60_000
/** The server reports unreadable standard keys when it has had no answer to a read for this long. It refuses Gets meanwhile. */
export const standardKeyUnreadAfterMs = 20_000
/** Two unanswered calls that are further apart count as separate troubles. A third one shows that the trouble lasts. */
export const standardKeyFailuresApartMs = 10 * 60_000

const troubleKinds = ['make', 'read', 'delete', 'record', 'another'] as const
type TroubleKind = (typeof troubleKinds)[number]

export interface StandardKeyTrouble {
  readonly instanceId: string
  /**
   * `make`: the service refused the last new one, or did not answer for some minutes. `read`: the service refused the last read,
   * or did not answer for a while, although it unwraps. `delete`: unwanted ones are left at the service. `record`: keys are
   * closed in the database and not yet at the service. `another`: another server uses the instance.
   */
  readonly what: TroubleKind
  /** When the trouble was first seen since the server's start, without a long pause between its signs. Unix milliseconds. */
  readonly sinceMs: number
  /** For `delete`: how many are left at the service. Otherwise 0. */
  readonly left: number
  /** For `delete`: the root keys under which they are left. Otherwise empty. */
  readonly rootKeyUris: readonly string[]
  /** The last refusal, for people. Null: there was none yet. */
  readonly cause: string | null
  /** Advice for cases where the usual advice does not help. */
  readonly remedy?: string
}

export interface StandardKeyTroubleEvents {
  /** Called once, until `standardKeysAccepted`. `error`: a bug, an outage of the store, or undefined. */
  standardKeysRefused?(trouble: StandardKeyTrouble, error: unknown): void
  standardKeysAccepted?(trouble: Pick<StandardKeyTrouble, 'instanceId' | 'what'>): void
}

interface Known {
  sinceMs: number
  /** When its last sign was noted. */
  lastMs: number
  /** The number of long pauses between its signs. */
  pauses: number
  /** Undefined: nothing was refused yet. */
  error: unknown
  /** The root keys of the left standard keys, by the ids of their records. */
  readonly records: Map<string, string>
  isReported: boolean
  /** Whether `standardKeysRefused` was called. */
  announced: boolean
}

type Left = Pick<StandardKeyRecord, 'id' | 'instanceId' | 'rootKeyUri'>

export class StandardKeyTroubles {
  readonly #clock: Pick<Clock, 'now'>
  /** Instances for which another server has a higher epoch. */
  readonly #fenced = new Set<string>()
  /** When a copy from another server was last seen, by instance. Unix milliseconds. */
  readonly #foreignMs = new Map<string, number>()
  readonly #events: StandardKeyTroubleEvents
  readonly #known = {
    make: new Map<string, Known>(),
    read: new Map<string, Known>(),
    delete: new Map<string, Known>(),
    record: new Map<string, Known>(),
    another: new Map<string, Known>(),
  }

  constructor(clock: Pick<Clock, 'now'>, events: StandardKeyTroubleEvents = {}) {
    this.#clock = clock
    this.#events = events
  }

  /** The reported troubles. */
  get now(): readonly StandardKeyTrouble[] {
    this.#endForeign()
    return troubleKinds.flatMap((what) =>
      [...this.#known[what]]
        .filter(([, { isReported }]) => isReported)
        .map(([id, known]) => troubleOf(id, what, known)),
    )
  }

  /**
   * Called if the service refused a new one, or answered no attempt to store it although it wrapped it. RootKeyStatus reports
   * unreachable and withdrawn root keys.
   */
  notMade(instanceId: string, error: unknown): void {
    const isRefused =
      error instanceof RootKeyError && (error.reach === 'wrapped-form' || error.reach === 'call')
    if (isRefused || error instanceof StandardKeyUncertain) this.#note(instanceId, 'make', error)
  }

  made(instanceId: string): void {
    this.#end(instanceId, 'make')
  }

  /** Called if our access does not suffice to read one, or if no answer comes, although the root key unwraps. */
  notRead(instanceId: string, error: RootKeyError): void {
    this.#note(instanceId, 'read', error)
  }

  read(instanceId: string): void {
    this.#end(instanceId, 'read')
  }

  /** Called if an unwanted one is probably still at the service. */
  left(record: Left, error: unknown): void {
    this.#note(record.instanceId, 'delete', error, record)
  }

  /** Called if one of a deleted instance must still be deleted. Reported at once, even without a refusal. */
  owed({ id, instanceId, rootKeyUri }: Left): void {
    const known = this.#knownOf(instanceId, 'delete')
    known.records.set(id, rootKeyUri)
    known.isReported = true
  }

  /** Called when one was deleted. */
  gone({ id, instanceId }: Pick<StandardKeyRecord, 'id' | 'instanceId'>): void {
    const known = this.#known.delete.get(instanceId)
    if (known?.records.delete(id) && known.records.size === 0) this.#end(instanceId, 'delete')
  }

  /** The standard keys that are known to be left at the service. */
  get allLeft(): readonly Left[] {
    return [...this.#known.delete].flatMap(([instanceId, { records }]) =>
      [...records].map(([id, rootKeyUri]) => ({ id, instanceId, rootKeyUri })),
    )
  }

  /** The last refusal to delete one, for people. Null: there was none. */
  causeOfLeft(instanceId: string): string | null {
    const known = this.#known.delete.get(instanceId)
    return known?.error === undefined ? null : causeOf(known.error)
  }

  /** Called if a closing is not recorded at the service yet, so that a restore without the database would open the key. */
  unrecorded(instanceId: string, error: unknown): void {
    this.#note(instanceId, 'record', error)
  }

  recorded(instanceId: string): void {
    this.#end(instanceId, 'record')
  }

  /** Ends a trouble that no successful call ends. Left standard keys and a fence end in other ways. */
  over(instanceId: string, what: TroubleKind): void {
    if (what !== 'delete' && what !== 'another') this.#end(instanceId, what)
  }

  isFenced(instanceId: string): boolean {
    return this.#fenced.has(instanceId)
  }

  /** Called if another server was restored later. This server then stores and deletes nothing. */
  fenced(instanceId: string, message: string): void {
    this.#fenced.add(instanceId)
    this.#note(instanceId, 'another', new RootKeyError('wrapped-form', message))
  }

  unfenced(instanceId: string): void {
    if (this.#fenced.delete(instanceId) && !this.#foreignMs.has(instanceId)) this.#end(instanceId, 'another')
  }

  /** Called if a copy from another server was found. */
  foreign(instanceId: string, message: string): void {
    this.#foreignMs.set(instanceId, this.#clock.now())
    this.#note(instanceId, 'another', new RootKeyError('wrapped-form', message))
  }

  #endForeign(): void {
    for (const [instanceId, seenMs] of this.#foreignMs) {
      if (this.#clock.now() - seenMs < anotherServerToldMs) continue
      this.#foreignMs.delete(instanceId)
      if (!this.#fenced.has(instanceId)) this.#end(instanceId, 'another')
    }
  }

  #knownOf(instanceId: string, what: StandardKeyTrouble['what']): Known {
    const existing = this.#known[what].get(instanceId)
    if (existing) return existing
    const nowMs = this.#clock.now()
    const known = {
      sinceMs: nowMs,
      lastMs: nowMs,
      pauses: 0,
      error: undefined,
      records: new Map(),
      isReported: false,
      announced: false,
    }
    this.#known[what].set(instanceId, known)
    return known
  }

  #note(instanceId: string, what: StandardKeyTrouble['what'], error: unknown, record?: Left): void {
    const known = this.#knownOf(instanceId, what)
    const nowMs = this.#clock.now()
    // Two failures hours apart prove nothing about the time between them. A third one shows that nothing succeeds.
    const afterPause = !known.isReported && nowMs - known.lastMs > standardKeyFailuresApartMs
    if (afterPause && ++known.pauses === 1) known.sinceMs = nowMs
    known.lastMs = nowMs
    known.error = error
    if (record) known.records.set(record.id, record.rootKeyUri)
    const afterMs = what === 'read' ? standardKeyUnreadAfterMs : standardKeyLeftAfterMs
    const early = nowMs - known.sinceMs < afterMs
    known.isReported ||= !(early && mayPass(what, error))
    if (!known.isReported || known.announced) return
    known.announced = true
    const bug = error instanceof RootKeyError ? undefined : error
    this.#events.standardKeysRefused?.(troubleOf(instanceId, what, known), bug)
  }

  #end(instanceId: string, what: StandardKeyTrouble['what']): void {
    const known = this.#known[what].get(instanceId)
    if (!known) return
    this.#known[what].delete(instanceId)
    if (known.announced) this.#events.standardKeysAccepted?.({ instanceId, what })
  }
}

/** Whether the trouble may pass without help: the next call may get an answer, but a refusal stays. */
function mayPass(what: TroubleKind, error: unknown): boolean {
  if (what === 'record') return error instanceof StoreConflict
  return error instanceof RootKeyError && error.reach === 'unreachable'
}

function troubleOf(
  instanceId: string,
  what: StandardKeyTrouble['what'],
  { sinceMs, records, error }: Known,
): StandardKeyTrouble {
  const cause = error === undefined ? null : causeOf(error)
  const remedy = error instanceof RootKeyError ? error.remedy : undefined
  return {
    instanceId,
    what,
    sinceMs,
    left: records.size,
    rootKeyUris: [...new Set(records.values())],
    cause,
    ...(remedy !== undefined && { remedy }),
  }
}

function causeOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
