// Challenges that prove that a copy of a root key opens this server. Each root key in use has its own. Part of the composition
// root.

import type { Clock } from '../ports/clock.ts'
import type { OpenRootKey, RootKey } from '../ports/root-key.ts'
import { RootKeyChallenges, type RootKeyChallenge } from '../sealing/root-key-challenge.ts'
import type { Access } from '../trust/access.ts'

export interface RootKeyProofOptions {
  readonly clock: Pick<Clock, 'monotonic'>
  /** The server's own. */
  readonly own: RootKey
  readonly open: OpenRootKey
  readonly access: Pick<Access, 'instances'>
}

export class RootKeyProof {
  readonly #options: RootKeyProofOptions
  /** By URI: an answer to the challenge of one root key proves nothing about another. */
  readonly #challenges = new Map<string, RootKeyChallenges>()

  constructor(options: RootKeyProofOptions) {
    this.#options = options
  }

  /** Throws RootKeyError. The server or an instance must use the root key. */
  async challenge(uri: string): Promise<RootKeyChallenge> {
    const rootKey = await this.#open(uri)
    const challenges = this.#challenges.get(uri) ?? new RootKeyChallenges(this.#options.clock)
    this.#challenges.set(uri, challenges)
    return challenges.begin(rootKey)
  }

  accept(uri: string, { id, answer }: { readonly id: string; readonly answer: string }): boolean {
    return this.#challenges.get(uri)?.accept(id, Buffer.from(answer, 'hex')) ?? false
  }

  async #open(uri: string): Promise<RootKey> {
    const { own, open, access } = this.#options
    if (uri === own.uri) return own
    const user = (await access.instances()).find(({ rootKeyUri }) => rootKeyUri === uri)
    return open(uri, user?.id ?? '')
  }
}
