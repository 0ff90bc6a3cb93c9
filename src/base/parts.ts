// Long work in parts, so that its thread can do other work in between. The work is a generator. Its caller decides what happens
// at each pause.

import type { MaybePromise } from './maybe-promise.ts'

/** Work that pauses at each yield and returns its result. */
export type Parts<T> = Generator<undefined, T, undefined>

/** Tells long work when its turn is used up, and lets it wait for the next one. */
export interface Turns {
  /** Whether the turn is used up. */
  readonly spent: boolean
  /** Resolves when the next turn begins; rejects if the work should stop. */
  turn(): MaybePromise<void>
}

/** Lets other work go first where the turn is used up. Long work calls it between its steps. */
export async function pause(turns: Turns): Promise<void> {
  if (turns.spent) await turns.turn()
}

/** Does all parts at once. */
export function whole<T>(parts: Parts<T>): T {
  for (;;) {
    const step = parts.next()
    if (step.done) return step.value
  }
}

/**
 * Does the parts within the current turn. When that is used up, waits for the next turn. If no turn comes, throws the error into
 * the work.
 */
export async function inTurns<T>(parts: Parts<T>, turns: Turns): Promise<T> {
  let step = parts.next()
  while (!step.done) {
    try {
      if (turns.spent) await turns.turn()
    } catch (error) {
      step = parts.throw(error)
      continue
    }
    step = parts.next()
  }
  return step.value
}
