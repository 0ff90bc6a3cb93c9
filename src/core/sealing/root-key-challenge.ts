// Proves that a person has a root key without sending it: the server wraps random bytes with it, and the person's command unwraps
// them and sends their digest. The verification of a root key's copy and the recovery of a lost token use it.

import { createHash, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto'
import { rootKeyChallengeMs } from '../../base/bounds.ts'
import type { Clock } from '../ports/clock.ts'
import type { RootKey } from '../ports/root-key.ts'

/** Open challenges. */
export const rootKeyChallengesMax = 16

export interface RootKeyChallenge {
  readonly id: string
  /** Only the root key opens it. */
  readonly wrapped: Uint8Array
}

export interface ChallengeAnswer {
  readonly id: string
  /** Hex. */
  readonly answer: string
}

interface Open extends RootKeyChallenge {
  readonly answer: Buffer
  readonly untilMs: number
}

const associatedData = Buffer.from('mortise root key challenge 1')

export class RootKeyChallenges {
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #open = new Map<string, Open>()

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock
  }

  /** Begins a challenge, which can be answered once, within `rootKeyChallengeMs`. Throws RootKeyError. */
  async begin(rootKey: RootKey): Promise<RootKeyChallenge> {
    const secret = randomBytes(32)
    const answer = digest(secret)
    const wrapped = await rootKey.wrap(secret, associatedData)
    secret.fill(0)
    this.#forget()
    const id = randomUUID()
    this.#open.set(id, { id, wrapped, answer, untilMs: this.#clock.monotonic() + rootKeyChallengeMs })
    const [oldest] = this.#open.keys()
    if (this.#open.size > rootKeyChallengesMax && oldest !== undefined) this.#open.delete(oldest)
    return { id, wrapped }
  }

  /** Whether the answer is right. A right one counts once. A wrong one changes nothing. */
  accept(id: string, answer: Uint8Array): boolean {
    this.#forget()
    const open = this.#open.get(id)
    if (!open || answer.length !== open.answer.length || !timingSafeEqual(answer, open.answer)) return false
    return this.#open.delete(id)
  }

  #forget(): void {
    const now = this.#clock.monotonic()
    for (const [id, { untilMs }] of this.#open) if (untilMs <= now) this.#open.delete(id)
  }
}

/** Computes the answer. The command of the person with the root key calls it. Throws RootKeyError. */
export async function answerChallenge(rootKey: RootKey, wrapped: Uint8Array): Promise<Buffer> {
  const secret = await rootKey.unwrap(wrapped, associatedData)
  const answer = digest(secret)
  secret.fill(0)
  return answer
}

function digest(secret: Uint8Array): Buffer {
  return createHash('sha256').update('mortise root key answer 1\n').update(secret).digest()
}
