// What a trial of standard keys (trial.ts) made, or may have made, and must not leave at the service: deleted, and
// looked for over some seconds where an answer was lost. A service may still be at it, or list a key some time after
// it was made.

import { setTimeout as sleep } from 'node:timers/promises'
import { RootKeyError, type StandardKeys } from '../../ports/root-key.ts'
import { limits } from '../../limits.ts'

export class Remains {
  readonly #shelf: StandardKeys
  readonly #name: string
  /** Calls of `create` that were not answered, and of which nothing was found. */
  #unanswered = 0
  /** Ids of those that are there, or of which nobody said that they are gone. */
  readonly #there = new Set<string>()
  readonly #known = new Set<string>()
  /** Why the last deletion did not go well. */
  #undeleted: unknown

  /** `name`: of all keys of this trial, and of no others. */
  constructor(shelf: StandardKeys, name: string) {
    this.#shelf = shelf
    this.#name = name
  }

  made(id: string): void {
    this.#known.add(id)
    this.#there.add(id)
  }

  notAnswered(): void {
    this.#unanswered++
  }

  /** There may be one that was not found. */
  get unanswered(): boolean {
    return this.#unanswered > 0
  }

  /** What the administrator must know of what is left, or may be. */
  get sentences(): readonly string[] {
    const refused = !isUnanswered(this.#undeleted)
    const left = [...this.#there].map((id) =>
      refused
        ? `The standard key ${this.#name} (${id}) is left there: delete it.`
        : `Whether the standard key ${this.#name} (${id}) was deleted is not known: if it is still there, delete it.`,
    )
    return this.unanswered ? [...left, `If there is a standard key ${this.#name}, delete it.`] : left
  }

  /** Returns why what is there could not be deleted; undefined where nothing is known to be left. */
  async clear(): Promise<unknown> {
    let failure = await failureOf(this.#deleteAll())
    const untilMs = performance.now() + limits.standardKeyTrialClearMs
    for (let look = 0; look < limits.standardKeyTrialLooksMax; look++) {
      if ((this.#there.size === 0 && !this.unanswered) || !isUnanswered(failure)) break
      const waitMs = limits.standardKeyLookAfterMs * 2 ** look
      if (performance.now() + waitMs >= untilMs) break
      await sleep(waitMs)
      failure = await failureOf(within(untilMs - performance.now(), this.#look()))
    }
    return this.#there.size > 0 ? (this.#undeleted ?? failure) : undefined
  }

  async #look(): Promise<void> {
    for (const id of this.#there) if (await isGone(this.#shelf, id)) this.#there.delete(id)
    if (this.unanswered)
      for (const { id } of await this.#shelf.find(this.#name))
        if (!this.#known.has(id)) {
          this.made(id)
          this.#unanswered--
        }
    await this.#deleteAll()
  }

  async #deleteAll(): Promise<void> {
    for (const id of this.#there) {
      this.#undeleted = await failureOf(this.#shelf.remove(id))
      if (this.#undeleted !== undefined) throw this.#undeleted
      this.#there.delete(id)
    }
  }
}

/** Throws RootKeyError where the work takes longer; it goes on, and nobody waits for it. */
export function within<T>(ms: number, work: Promise<T>): Promise<T> {
  const late = sleep(Math.max(ms, 1), undefined, { ref: false }).then(() => {
    throw new RootKeyError('unreachable', 'no answer came in time')
  })
  return Promise.race([work, late])
}

/** Told by its id, which no list that lags behind can get wrong. */
async function isGone(shelf: StandardKeys, id: string): Promise<boolean> {
  const failure = await failureOf(shelf.read(id))
  return failure instanceof RootKeyError && failure.reach === 'wrapped-form'
}

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  try {
    await work
    return undefined
  } catch (error) {
    return error
  }
}

/** Or it went well. Another time it may be otherwise, as after a refusal it will not. */
function isUnanswered(failure: unknown): boolean {
  return failure === undefined || (failure instanceof RootKeyError && failure.reach === 'unreachable')
}
