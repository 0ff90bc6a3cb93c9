// What does not come to be at a root key's service although it opens those standard keys that there are: new ones are
// not kept, those that nobody wants any more are not deleted, the journal is not written. Known by instance until it is
// otherwise, and told once for each change. Keeper and journal report here; who is told, and in what words, is others'
// business.

import { limits } from '../../limits.ts'
import { StoreConflict } from '../../ports/store.ts'
import type { Clock } from '../../ports/clock.ts'
import type { StandardKeyRecord } from '../../ports/secrets.ts'
import { RootKeyError } from '../../ports/root-key.ts'

export interface StandardKeyTrouble {
  readonly instanceId: string
  /**
   * `make`: the last new one was refused. `read`: the last one that was to be read was refused, though the root key
   * unwraps. `delete`: unwanted ones are left at the service. `journal`: what changed does not stand in the journal.
   */
  readonly what: 'make' | 'read' | 'delete' | 'journal'
  /** When it was first seen since the server's start. Unix milliseconds. */
  readonly sinceMs: number
  /** How many are left at the service; 0 but for `delete`. */
  readonly left: number
  /** Of the root keys beside which they are left; empty but for `delete`. */
  readonly rootKeyUris: readonly string[]
  /** The last refusal, for people; null: there was none yet. */
  readonly cause: string | null
}

export interface StandardKeyTroubleEvents {
  /** Told once, until it is otherwise. `error`: a bug or an outage of the store, or undefined. */
  standardKeysRefused?(trouble: StandardKeyTrouble, error: unknown): void
  standardKeysAccepted?(trouble: Pick<StandardKeyTrouble, 'instanceId' | 'what'>): void
}

interface Known {
  readonly sinceMs: number
  /** undefined: nothing was refused yet. */
  error: unknown
  /** Root keys of those that are left, by their records. */
  readonly records: Map<string, string>
  told: boolean
  /** To who listens. */
  announced: boolean
}

type Left = Pick<StandardKeyRecord, 'id' | 'instanceId' | 'rootKeyUri'>

export class StandardKeyTroubles {
  readonly #clock: Pick<Clock, 'now'>
  readonly #events: StandardKeyTroubleEvents
  readonly #known = {
    make: new Map<string, Known>(),
    read: new Map<string, Known>(),
    delete: new Map<string, Known>(),
    journal: new Map<string, Known>(),
  }

  constructor(clock: Pick<Clock, 'now'>, events: StandardKeyTroubleEvents = {}) {
    this.#clock = clock
    this.#events = events
  }

  /** Those that are told. */
  get now(): readonly StandardKeyTrouble[] {
    return (['make', 'read', 'delete', 'journal'] as const).flatMap((what) =>
      [...this.#known[what]].filter(([, { told }]) => told).map(([id, known]) => troubleOf(id, what, known)),
    )
  }

  /** A new one was not kept. That the root key cannot be reached or was withdrawn is told as its own trouble. */
  notMade(instanceId: string, error: unknown): void {
    const isOwn = error instanceof RootKeyError && (error.reach === 'wrapped-form' || error.reach === 'call')
    if (isOwn) this.#note(instanceId, 'make', error)
  }

  made(instanceId: string): void {
    this.#end(instanceId, 'make')
  }

  /** Our access does not suffice to read one, though the root key unwraps. */
  notRead(instanceId: string, error: RootKeyError): void {
    this.#note(instanceId, 'read', error)
  }

  read(instanceId: string): void {
    this.#end(instanceId, 'read')
  }

  /** An unwanted one is still at the service, for all that is known. */
  left(record: Left, error: unknown): void {
    this.#note(record.instanceId, 'delete', error, record)
  }

  /** One of an instance that is gone is still to be deleted: told at once, whether or not anything refuses it. */
  owed({ id, instanceId, rootKeyUri }: Left): void {
    const known = this.#knownOf(instanceId, 'delete')
    known.records.set(id, rootKeyUri)
    known.told = true
  }

  /** It is deleted, or on its way: nothing refuses it any more. */
  gone({ id, instanceId }: Pick<StandardKeyRecord, 'id' | 'instanceId'>): void {
    const known = this.#known.delete.get(instanceId)
    if (known?.records.delete(id) && known.records.size === 0) this.#end(instanceId, 'delete')
  }

  /** Those that are left, as they are known here. */
  get allLeft(): readonly Pick<StandardKeyRecord, 'id' | 'instanceId'>[] {
    return [...this.#known.delete].flatMap(([instanceId, { records }]) =>
      [...records.keys()].map((id) => ({ id, instanceId })),
    )
  }

  /** The last refusal to delete one, for people; null: there was none. */
  causeOfLeft(instanceId: string): string | null {
    const known = this.#known.delete.get(instanceId)
    return known?.error === undefined ? null : causeOf(known.error)
  }

  /** The journal lacks what changed: until it is there, a restore without the database does not know of it. */
  unwritten(instanceId: string, error: unknown): void {
    this.#note(instanceId, 'journal', error)
  }

  written(instanceId: string): void {
    this.#end(instanceId, 'journal')
  }

  #knownOf(instanceId: string, what: StandardKeyTrouble['what']): Known {
    const found = this.#known[what].get(instanceId)
    if (found) return found
    const sinceMs = this.#clock.now()
    const known = { sinceMs, error: undefined, records: new Map(), told: false, announced: false }
    this.#known[what].set(instanceId, known)
    return known
  }

  #note(instanceId: string, what: StandardKeyTrouble['what'], error: unknown, record?: Left): void {
    const known = this.#knownOf(instanceId, what)
    known.error = error
    if (record) known.records.set(record.id, record.rootKeyUri)
    const early = this.#clock.now() - known.sinceMs < limits.standardKeyLeftAfterMs
    known.told ||= !(early && mayPass(what, error))
    if (!known.told || known.announced) return
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

/** No answer may be one in a moment; a no will not. What waits for the journal waits for either. */
function mayPass(what: StandardKeyTrouble['what'], error: unknown): boolean {
  if (what === 'journal') return error instanceof StoreConflict
  return error instanceof RootKeyError && error.reach === 'unreachable'
}

function troubleOf(
  instanceId: string,
  what: StandardKeyTrouble['what'],
  { sinceMs, records, error }: Known,
): StandardKeyTrouble {
  const cause = error === undefined ? null : causeOf(error)
  return { instanceId, what, sinceMs, left: records.size, rootKeyUris: [...new Set(records.values())], cause }
}

function causeOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
