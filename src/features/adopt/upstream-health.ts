// Remembers of one upstream since the server runs whether it answers, when it last did, and what it did not give: for the
// decision whether to ask it, and for people.

import { upstreamWaitMs } from './bounds.ts'
import type { Clock } from '../../core/ports/clock.ts'
import { remember } from './remember.ts'

/** While the old server does not answer, one request in this time asks it, and the others are refused at once. */
export const upstreamTryEveryMs = 1_000
/** Objects that could not be adopted on demand: how many are remembered. */
const upstreamNotAdoptedMax = 200

export interface UpstreamHealth {
  /** null: it was not asked since the server started. */
  readonly lastAnswerMs: number | null
  readonly lastFailure: { readonly atMs: number; readonly message: string } | null
  /** The old server did not answer the last question. */
  readonly failing: boolean
  /** Objects that it has and that could not be adopted; at most `upstreamNotAdoptedMax`. */
  readonly notAdopted: readonly { readonly id: string; readonly why: string }[]
}

/** Joins the health as several processes have it, each of which asks the upstream by itself. undefined: none has asked it. */
export function healthOfAll(healths: readonly UpstreamHealth[]): UpstreamHealth | undefined {
  if (healths.length === 0) return undefined
  const answers = healths.flatMap(({ lastAnswerMs }) => lastAnswerMs ?? [])
  const failures = healths.flatMap(({ lastFailure }) => lastFailure ?? [])
  const notAdopted = healths.flatMap((health) => health.notAdopted)
  return {
    lastAnswerMs: answers.length === 0 ? null : Math.max(...answers),
    lastFailure: failures.toSorted((one, other) => other.atMs - one.atMs)[0] ?? null,
    failing: healths.some(({ failing }) => failing),
    notAdopted: [...new Map(notAdopted.toReversed().map((one) => [one.id, one])).values()].toReversed(),
  }
}

export class Health {
  readonly #clock: Pick<Clock, 'now' | 'monotonic'>
  readonly #notAdopted = new Map<string, string>()
  #lastAnswerMs: number | null = null
  #lastFailure: UpstreamHealth['lastFailure'] = null
  /** The times of its last answer and, while it fails, of the next question; monotonic. */
  #answeredAt = -Infinity
  #tryAt: number | undefined

  constructor(clock: Pick<Clock, 'now' | 'monotonic'>) {
    this.#clock = clock
  }

  shown(): UpstreamHealth {
    return {
      lastAnswerMs: this.#lastAnswerMs,
      lastFailure: this.#lastFailure,
      failing: this.#tryAt !== undefined,
      notAdopted: [...this.#notAdopted].map(([id, why]) => ({ id, why })),
    }
  }

  /** Whether it may be asked now: while it fails, by one request in a while. */
  mayAsk(): boolean {
    if (this.#tryAt === undefined) return true
    const now = this.#clock.monotonic()
    if (now < this.#tryAt) return false
    this.#tryAt = now + upstreamTryEveryMs
    return true
  }

  answered(): void {
    this.#lastAnswerMs = this.#clock.now()
    this.#answeredAt = this.#clock.monotonic()
    this.#tryAt = undefined
  }

  failed(message: string): void {
    this.#lastFailure = { atMs: this.#clock.now(), message }
    this.#tryAt ??= this.#clock.monotonic() + upstreamTryEveryMs
  }

  /** A caller waited since then without an answer. The upstream may still answer others. */
  waitedInVain(sinceMonotonicMs: number): void {
    if (this.#answeredAt < sinceMonotonicMs) this.failed(`no answer within ${upstreamWaitMs / 1000} s`)
  }

  notAdopted(id: string, why: string): void {
    remember(this.#notAdopted, id, why, upstreamNotAdoptedMax)
  }

  adopted(id: string): void {
    this.#notAdopted.delete(id)
  }
}
