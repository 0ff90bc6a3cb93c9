// Keeps the records that wait until the file of the access log, or the database, has them (access-log.ts). It refuses records that
// wait too long, and with them the requests of their callers. It remembers why a record was refused until a record is taken; until
// then the server hands out no key.

import type { Clock } from '../../../core/ports/clock.ts'
import type { Durability } from '../../../core/ports/expectation.ts'
import { StoreUnavailable } from '../../../core/ports/store.ts'
import type { MovedRecord } from './move-access.ts'

/** A record that neither the file nor the store takes within this time is refused, and so is the request that waits for it. */
export const accessTakenMsMax = 5_000

const durabilities = ['process', 'disk'] as const satisfies readonly Durability[]

/**
 * The records of one turn of the event loop, which are written together. All callers that wait for the same durability share one
 * promise, made when the first of them waits.
 */
export interface Turn {
  readonly records: MovedRecord[]
  readonly sinceMs: number
  process?: PromiseWithResolvers<void>
  disk?: PromiseWithResolvers<void>
  /** Whether the file or the database has the records. */
  isTaken: boolean
  isOverdue: boolean
  /** Resolves once the records are taken or refused. Made when a caller of `settled` first waits. */
  ended?: PromiseWithResolvers<void>
}

export class RecordWaits {
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #onTrouble: (message: string) => void
  /** Oldest first. */
  readonly #turns = new Set<Turn>()
  #overdue = 0
  /** By durability: why the last record was refused; null once a record is taken. */
  readonly #refusals: Record<Durability, string | null> = { process: null, disk: null }

  constructor(clock: Pick<Clock, 'monotonic'>, onTrouble: (message: string) => void) {
    this.#clock = clock
    this.#onTrouble = onTrouble
  }

  /** Why the server hands out no key; null: records are taken. */
  get refusal(): string | null {
    return this.#refusals.process ?? this.#refusals.disk
  }

  /** Why a further record would wait in vain: an earlier record is overdue. null: no record is. */
  hopeless(durability: Durability): string | null {
    if (this.#overdue === 0) return null
    const isStuck = [...this.#turns].some(
      (turn) => turn.isOverdue && (durability === 'disk' || !turn.isTaken),
    )
    return isStuck ? this.refusal : null
  }

  begin(): Turn {
    const turn = { records: [], sinceMs: this.#clock.monotonic(), isTaken: false, isOverdue: false }
    this.#turns.add(turn)
    return turn
  }

  /** Call this once the operating system has the records. */
  taken(turn: Turn): void {
    turn.isTaken = true
    this.#note('process', null)
    turn.process?.resolve()
    turn.ended?.resolve()
    if (!turn.disk) this.#end(turn)
  }

  /** Call this once the disk has the records. */
  onDisk(turn: Turn): void {
    this.#note('process', null)
    this.#note('disk', null)
    turn.disk?.resolve()
    this.#end(turn)
  }

  failed(turn: Turn, error: unknown): void {
    this.#reject(turn, error)
    this.#end(turn)
  }

  /** Call this for an overdue turn whose records were not handed to the file. */
  forget(turn: Turn): void {
    this.#end(turn)
  }

  /** Refuses records that have waited too long. */
  refuseOverdue(file: string): void {
    for (const turn of this.#turns) {
      if (this.#clock.monotonic() - turn.sinceMs < accessTakenMsMax) return
      if (turn.isOverdue) continue
      turn.isOverdue = true
      this.#overdue++
      const what =
        `${file} has taken no record of a read for ${accessTakenMsMax / 1000} s: no more keys are handed out until it does. ` +
        'See to its disk, or the storage behind it'
      this.#reject(turn, new StoreUnavailable('unavailable', what))
    }
  }

  /**
   * The durability with which the caller should write a trial; undefined: no trial is needed. While no record waits, only a trial
   * shows whether records are taken again.
   */
  get wantedTrial(): Durability | undefined {
    if (this.#turns.size > 0) return undefined
    return durabilities.findLast((one) => this.#refusals[one] !== null)
  }

  /** Resolves once all records received before this call are taken or refused. */
  async settled(): Promise<void> {
    const waiting = [...this.#turns].filter(({ isTaken, isOverdue }) => !isTaken && !isOverdue)
    await Promise.all(waiting.map((turn) => (turn.ended ??= Promise.withResolvers<void>()).promise))
  }

  #reject(turn: Turn, error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error)
    if (turn.process && !turn.isTaken) this.#note('process', reason)
    if (turn.disk) this.#note('disk', reason)
    turn.process?.reject(error)
    turn.disk?.reject(error)
    turn.ended?.resolve()
  }

  #end(turn: Turn): void {
    if (turn.isOverdue) this.#overdue--
    this.#turns.delete(turn)
  }

  #note(durability: Durability, reason: string | null): void {
    const before = this.refusal
    this.#refusals[durability] = reason
    const now = this.refusal
    if ((before === null) === (now === null)) return
    this.#onTrouble(now === null ? 'keys are handed out again' : `no key is handed out: ${now}`)
  }
}
