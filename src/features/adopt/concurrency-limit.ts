// Decides how many questions an old server is asked at the same time, by how it answers: one at first, one more after each
// round of quick answers, half as many after an answer that came late or not at all. A server that does one thing at a time
// would otherwise let all of them time out together, and go on with answers for which no caller waits.

import { adoptLateMs } from './bounds.ts'

/** Answers in this time let an adoption ask for one thing more at once. */
export const adoptQuickMs = 2_000

export interface AnswerOutcome {
  /** False: no answer, or a refusal that may pass, as an overloaded server gives. A lasting failure counts as an answer. */
  readonly ok: boolean
  readonly tookMs: number
}

/** How many questions may run at once after this one. A fraction is progress towards one more. */
export function widthAfter(width: number, { ok, tookMs }: AnswerOutcome, widthMax: number): number {
  if (!ok || tookMs >= adoptLateMs) return Math.max(1, width / 2)
  return tookMs < adoptQuickMs ? Math.min(widthMax, width + 1 / width) : width
}

/** Questions beyond the width wait in order of arrival. */
export class ConcurrencyLimit {
  readonly #widthMax: number
  readonly #waiting: (() => void)[] = []
  #width = 1
  #running = 0

  constructor(widthMax: number) {
    this.#widthMax = widthMax
  }

  /** Resolves when the question may be asked; `leave` must follow. */
  async enter(): Promise<void> {
    if (this.#running < Math.floor(this.#width)) this.#running++
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  leave(answered: AnswerOutcome): void {
    this.#width = widthAfter(this.#width, answered, this.#widthMax)
    this.#running--
    while (this.#running < Math.floor(this.#width)) {
      const next = this.#waiting.shift()
      if (!next) return
      this.#running++
      next()
    }
  }
}
