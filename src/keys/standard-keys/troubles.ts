// What a root key's service refuses of standard keys although it opens those that there are: to keep new ones, and to
// delete those that nobody wants any more. Known by instance until it is otherwise, and told once for each change. The
// keeper reports here; who is told, and in what words, is others' business.

import { limits } from '../../limits.ts'
import type { Clock, StandardKeyRecord } from '../ports.ts'
import { RootKeyError } from '../root-key.ts'

export interface StandardKeyTrouble {
  readonly instanceId: string
  /** `make`: the last new one was refused. `delete`: unwanted ones are left at the service. */
  readonly what: 'make' | 'delete'
  /** When it was first seen since the server's start. Unix milliseconds. */
  readonly sinceMs: number
  /** How many are left at the service; 0 of those that are to be made. */
  readonly left: number
  /** The last refusal, for people. */
  readonly cause: string
}

export interface StandardKeyTroubleEvents {
  /** Told once, until it is otherwise. `error`: a bug or an outage of the store, or undefined. */
  standardKeysRefused?(trouble: StandardKeyTrouble, error: unknown): void
  standardKeysAccepted?(trouble: Pick<StandardKeyTrouble, 'instanceId' | 'what'>): void
}

interface Known {
  readonly sinceMs: number
  error: unknown
  /** Records of those that are left. */
  readonly records: Set<string>
  told: boolean
}

export class StandardKeyTroubles {
  readonly #clock: Pick<Clock, 'now'>
  readonly #events: StandardKeyTroubleEvents
  readonly #known = { make: new Map<string, Known>(), delete: new Map<string, Known>() }

  constructor(clock: Pick<Clock, 'now'>, events: StandardKeyTroubleEvents = {}) {
    this.#clock = clock
    this.#events = events
  }

  /** Those that are told. */
  get now(): readonly StandardKeyTrouble[] {
    return (['make', 'delete'] as const).flatMap((what) =>
      [...this.#known[what]].filter(([, { told }]) => told).map(([id, known]) => troubleOf(id, what, known)),
    )
  }

  /** A new one was not kept. That the root key cannot be reached or was withdrawn is told as its own trouble. */
  notMade(instanceId: string, error: unknown): void {
    if (error instanceof RootKeyError && error.reach === 'wrapped-form') this.#note(instanceId, 'make', error)
  }

  made(instanceId: string): void {
    this.#end(instanceId, 'make')
  }

  /** An unwanted one is still at the service, for all that is known. */
  left({ id, instanceId }: StandardKeyRecord, error: unknown): void {
    this.#note(instanceId, 'delete', error, id)
  }

  /** It is deleted, or on its way: nothing refuses it any more. */
  gone({ id, instanceId }: Pick<StandardKeyRecord, 'id' | 'instanceId'>): void {
    const known = this.#known.delete.get(instanceId)
    if (known?.records.delete(id) && known.records.size === 0) this.#end(instanceId, 'delete')
  }

  /** Those that are left, as they are known here. */
  get allLeft(): readonly Pick<StandardKeyRecord, 'id' | 'instanceId'>[] {
    return [...this.#known.delete].flatMap(([instanceId, { records }]) =>
      [...records].map((id) => ({ id, instanceId })),
    )
  }

  #note(instanceId: string, what: StandardKeyTrouble['what'], error: unknown, record?: string): void {
    const now = this.#clock.now()
    const known = this.#known[what].get(instanceId) ?? {
      sinceMs: now,
      error,
      records: new Set(),
      told: false,
    }
    this.#known[what].set(instanceId, known)
    known.error = error
    if (record !== undefined) known.records.add(record)
    // No answer may be one in a moment; a no will not.
    const passing = error instanceof RootKeyError && error.reach === 'unreachable'
    if (known.told || (passing && now - known.sinceMs < limits.standardKeyLeftAfterMs)) return
    known.told = true
    const bug = error instanceof RootKeyError ? undefined : error
    this.#events.standardKeysRefused?.(troubleOf(instanceId, what, known), bug)
  }

  #end(instanceId: string, what: StandardKeyTrouble['what']): void {
    const known = this.#known[what].get(instanceId)
    if (!known) return
    this.#known[what].delete(instanceId)
    if (known.told) this.#events.standardKeysAccepted?.({ instanceId, what })
  }
}

function troubleOf(
  instanceId: string,
  what: StandardKeyTrouble['what'],
  { sinceMs, records, error }: Known,
): StandardKeyTrouble {
  const cause = error instanceof Error ? error.message : String(error)
  return { instanceId, what, sinceMs, left: records.size, cause }
}
