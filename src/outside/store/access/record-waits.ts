// The records that wait until the file of the access log, or the database, has them (access-log.ts), and for how long. Whoever
// waits too long is refused. Remembers why the last record was refused until one is taken: no key is handed out then.

import type { Clock } from '../../../core/ports/clock.ts'
import type { Durability } from '../../../core/ports/expectation.ts'
import { StoreUnavailable } from '../../../core/ports/store.ts'
import type { MovedRecord } from './move-access.ts'

/** A record that the file or the store has not taken by then is refused, and so is the request that waits for it. */
export const accessTakenMsMax = 5_000

const durabilities = ['process', 'disk'] as const satisfies readonly Durability[]

/** Records that are written together. All callers that wait for the same durability share a promise, which exists once one waits. */
export interface Turn {
  readonly records: MovedRecord[]
  readonly sinceMs: number
  process?: PromiseWithResolvers<void>
  disk?: PromiseWithResolvers<void>
  /** The file or the database has the records. */
  isTaken: boolean
  isOverdue: boolean
  /** Resolves once the records are taken or refused; it exists once a caller of `settled` waits. */
  ended?: PromiseWithResolvers<void>
}

export class RecordWaits {
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #onTrouble: (message: string) => void
  /** Oldest first. */
  readonly #turns = new Set<Turn>()
  #overdue = 0
  /** Why the last record was refused that was to be so durable; null since one was taken. */
  readonly #refusals: Record<Durability, string | null> = { process: null, disk: null }

  constructor(clock: Pick<Clock, 'monotonic'>, onTrouble: (message: string) => void) {
    this.#clock = clock
    this.#onTrouble = onTrouble
  }

  /** Why no key is handed out; null: records are taken. */
  get refusal(): string | null {
    return this.#refusals.process ?? this.#refusals.disk
  }

  /** An earlier record is overdue, so that one more would only wait, too. */
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

  /** The operating system has the records. */
  taken(turn: Turn): void {
    turn.isTaken = true
    this.#note('process', null)
    turn.process?.resolve()
    turn.ended?.resolve()
    if (!turn.disk) this.#end(turn)
  }

  /** The disk has the records. */
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

  /** Nothing of it is on its way to the file. */
  forget(turn: Turn): void {
    this.#end(turn)
  }

  /** Refuses what has waited for too long. */
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

  /** Nothing waits, so that only a trial tells whether records are taken again. */
  get wantedTrial(): Durability | undefined {
    if (this.#turns.size > 0) return undefined
    return durabilities.findLast((one) => this.#refusals[one] !== null)
  }

  /** Resolves once all records that were handed over before are taken or refused. */
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
