// Deletes what a trial of standard keys (preflight.ts) made or may have made. Where an answer was lost, it looks for the
// key over some seconds: the service may still be creating it, or list it some time after it was made.

import type { Clock } from '../../../core/ports/clock.ts'
import { RootKeyError, type StandardKeys } from '../../../core/ports/root-key.ts'
import { standardKeyLookAfterMs } from '../../../base/bounds.ts'

/** How many times the server looks for remains of a trial. It waits before each look: `standardKeyLookAfterMs`, then twice as long each time. */
const standardKeyTrialLooksMax = 4
/** The time for all these looks together. */
export const standardKeyTrialClearMs = 10_000

export type TrialClock = Pick<Clock, 'monotonic' | 'sleep' | 'after'>

export class TrialCleanup {
  readonly #standardKeys: StandardKeys
  readonly #name: string
  readonly #clock: TrialClock
  /** The number of calls of `create` that had no answer, without those whose key was found. */
  #unanswered = 0
  /** The ids of keys of this trial that exist, or may exist. */
  readonly #there = new Set<string>()
  /** The ids of all keys of this trial that were ever found, deleted ones too. */
  readonly #known = new Set<string>()
  /** Why the last deletion failed. */
  #undeleted: unknown

  /** `name`: the name of all keys of this trial, and of no other keys. */
  constructor(standardKeys: StandardKeys, name: string, clock: TrialClock) {
    this.#standardKeys = standardKeys
    this.#name = name
    this.#clock = clock
  }

  made(id: string): void {
    this.#known.add(id)
    this.#there.add(id)
  }

  notAnswered(): void {
    this.#unanswered++
  }

  /** Whether a key may exist that was not found. */
  get unanswered(): boolean {
    return this.#unanswered > 0
  }

  /** Tells the administrator about keys that are left, or may be. */
  get sentences(): readonly string[] {
    const refused = !isUnanswered(this.#undeleted)
    const left = [...this.#there].map((id) =>
      refused
        ? `The standard key ${this.#name} (${id}) is left there: delete it.`
        : `Whether the standard key ${this.#name} (${id}) was deleted is not known: if it is still there, delete it.`,
    )
    return this.unanswered ? [...left, `If there is a standard key ${this.#name}, delete it.`] : left
  }

  /** Returns why a key could not be deleted; undefined where none is known to be left. */
  async run(): Promise<unknown> {
    let failure = await failureOf(this.#deleteAll())
    const untilMs = this.#clock.monotonic() + standardKeyTrialClearMs
    for (let look = 0; look < standardKeyTrialLooksMax; look++) {
      if ((this.#there.size === 0 && !this.unanswered) || !isUnanswered(failure)) break
      const waitMs = standardKeyLookAfterMs * 2 ** look
      if (this.#clock.monotonic() + waitMs >= untilMs) break
      await this.#clock.sleep(waitMs)
      failure = await failureOf(within(untilMs - this.#clock.monotonic(), this.#look(), this.#clock))
    }
    return this.#there.size > 0 ? (this.#undeleted ?? failure) : undefined
  }

  async #look(): Promise<void> {
    for (const id of this.#there) if (await isGone(this.#standardKeys, id)) this.#there.delete(id)
    if (this.unanswered)
      for (const { id } of await this.#standardKeys.find(this.#name))
        if (!this.#known.has(id)) {
          this.made(id)
          this.#unanswered--
        }
    await this.#deleteAll()
  }

  async #deleteAll(): Promise<void> {
    for (const id of this.#there) {
      this.#undeleted = await failureOf(this.#standardKeys.remove(id))
      if (this.#undeleted !== undefined) throw this.#undeleted
      this.#there.delete(id)
    }
  }
}

/** Throws RootKeyError where the work takes longer than `ms`. The work goes on, and no caller waits for it. */
export async function within<T>(ms: number, work: Promise<T>, clock: Pick<Clock, 'after'>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = clock.after(Math.max(ms, 1), () =>
    reject(new RootKeyError('unreachable', 'no answer came in time')),
  )
  try {
    return await Promise.race([work, late])
  } finally {
    timer.cancel()
  }
}

/** Reads the key by its id, since a list of the service may lag behind. */
async function isGone(standardKeys: StandardKeys, id: string): Promise<boolean> {
  const failure = await failureOf(standardKeys.read(id))
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

/** Whether the call succeeded or had no answer, so that another look may say more. After a refusal another look would not. */
function isUnanswered(failure: unknown): boolean {
  return failure === undefined || (failure instanceof RootKeyError && failure.reach === 'unreachable')
}
