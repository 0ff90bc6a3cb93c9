// Proves that somebody holds a root key, without the root key leaving their hands: the server wraps random bytes under
// it, and whoever can unwrap them sends their digest. Used where a copy of the root key is verified, and where a lost
// token is recovered.

import { createHash, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto'
import { rootKeyChallengeMs } from '../../base/bounds.ts'
import type { Clock } from '../ports/clock.ts'
import type { RootKey } from '../ports/root-key.ts'

/** Challenges of root keys that are open at once. */
export const rootKeyChallengesMax = 16

export interface RootKeyChallenge {
  readonly id: string
  /** Opens with the root key alone. */
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

  /** Throws RootKeyError. It can be answered once, within `rootKeyChallengeMs`. */
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

  /** Whether the answer is right. A right one counts once; a wrong one changes nothing. */
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

/** Made by whoever holds the root key. Throws RootKeyError. */
export async function answerChallenge(rootKey: RootKey, wrapped: Uint8Array): Promise<Buffer> {
  const secret = await rootKey.unwrap(wrapped, associatedData)
  const answer = digest(secret)
  secret.fill(0)
  return answer
}

function digest(secret: Uint8Array): Buffer {
  return createHash('sha256').update('mortise root key answer 1\n').update(secret).digest()
}
