// `mortise token recover` beside a running server. The server owns the only writing connection, so it makes the token
// itself, for a user who proves two things: to own the data folder, by reading a challenge from a file there with mode
// 0600; and to have the root key, by opening the challenge. docs/decisions/token-recover.md has the reasons. Part of the
// composition root.

import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import path from 'node:path'
import type { By } from '../../core/audit/actor.ts'
import { rootKeyChallengeMs } from '../../base/bounds.ts'
import type { Clock } from '../../core/ports/clock.ts'
import { RootKeyError, type RootKey } from '../../core/ports/root-key.ts'
import { isRootKeyFile } from '../../base/root-key-file.ts'
import { RootKeyChallenges } from '../../core/sealing/root-key-challenge.ts'
import type { ServerNotes, NotedRecovery } from '../../core/sealing/server-notes.ts'
import type { Token } from '../../core/trust/rows.ts'
import type { MadeToken, TokenChanges } from '../../core/trust/token-changes.ts'
import { writeWhole } from '../../host/first-start.ts'

/** For this long after a root key's service did not wrap a challenge, the server does not ask it again. */
const rootKeyChallengeAgainMs = 5_000

/** In the data folder, while a recovery is under way. */
const challengeFile = 'token-recovery'

export interface TokenRecoveryOptions {
  readonly clock: Clock
  readonly dataFolder: string
  /** The server's own. */
  readonly rootKey: RootKey
  readonly notes: Pick<ServerNotes, 'record'>
  readonly tokens: Pick<TokenChanges, 'recover'>
}

export class TokenRecovery {
  readonly #options: TokenRecoveryOptions
  readonly #challenges: RootKeyChallenges
  /** When the challenge in the file was made, monotonic. */
  #writtenAt = -Infinity
  #writing: Promise<void> | undefined
  /** Why and when the last attempt to make a challenge failed; monotonic. */
  #failed: { readonly error: RootKeyError; readonly at: number } | undefined

  constructor(options: TokenRecoveryOptions) {
    this.#options = options
    this.#challenges = new RootKeyChallenges(options.clock)
  }

  /**
   * The name of the file with the challenge. Another request meanwhile shares it, so that a stranger on this machine can
   * neither disturb a recovery nor make the root key's service busy.
   */
  async begin(): Promise<string> {
    this.#writing ??= this.#write().finally(() => (this.#writing = undefined))
    await this.#writing
    return challengeFile
  }

  /** The token, or undefined if the answer is wrong or too late. Durable on return. */
  async finish(
    by: By,
    { id, answer }: { readonly id: string; readonly answer: string },
  ): Promise<MadeToken | undefined> {
    if (!this.#challenges.accept(id, Buffer.from(answer, 'hex'))) return undefined
    const { tokens, notes, dataFolder } = this.#options
    this.#writtenAt = -Infinity
    // A used challenge opens nothing, so a failure to remove it changes nothing.
    await rm(path.join(dataFolder, challengeFile), { force: true }).catch(() => undefined)
    return tokens.recover(by, (made) => [
      { type: 'secret', record: notes.record('token-recovery', recoveryOf(made)) },
    ])
  }

  async #write(): Promise<void> {
    const { clock, rootKey, dataFolder } = this.#options
    const isNew = clock.monotonic() - this.#writtenAt < rootKeyChallengeMs / 2
    if (isNew && existsSync(path.join(dataFolder, challengeFile))) return
    if (this.#failed && clock.monotonic() - this.#failed.at < rootKeyChallengeAgainMs)
      throw this.#failed.error
    const { id, wrapped } = await this.#challenges.begin(rootKey).catch((error: unknown) => {
      // A try does not burden a file, and a user who has put it back need not wait.
      if (!isRootKeyFile(rootKey.uri) && error instanceof RootKeyError)
        this.#failed = { error, at: clock.monotonic() }
      throw error
    })
    this.#failed = undefined
    const text = JSON.stringify({
      id,
      rootKey: rootKey.uri,
      wrapped: Buffer.from(wrapped).toString('base64'),
    })
    await writeWhole(path.join(dataFolder, challengeFile), `${text}\n`, 0o600)
    this.#writtenAt = clock.monotonic()
  }
}

/** The note that the server keeps of it, for the condition. */
export function recoveryOf({ id, createdMs }: Token): NotedRecovery {
  return { atMs: createdMs, tokenId: id }
}
