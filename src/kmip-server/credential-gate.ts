// The user name and password that a client may be given besides its certificate. vCenter sends them with Create, Get,
// Get Attributes of State and Activate, and not with the rest; so `required` demands them for what makes, hands out or
// changes keys, and lets attributes be read and noted without. A right one is remembered until it is changed, since
// vCenter opens a connection for each task. Wrong ones slow down the address that they come from.

import { createHmac, randomBytes } from 'node:crypto'
import type { matchesCredential } from '../trust/credential.ts'
import type { Client } from '../trust/rows.ts'
import { Fault } from '../kmip/fault.ts'
import type { RequestMessage } from '../kmip/message.ts'
import type { OperationName } from '../kmip/operations.ts'
import { limits } from '../limits.ts'
import { neighbourhood } from './address.ts'
import type { Peer } from './door.ts'

const demanded: ReadonlySet<OperationName> = new Set([
  'Create',
  'Register',
  'Get',
  'Activate',
  'Revoke',
  'Destroy',
])

/** What one client sent from one address. */
interface Guesses {
  wrong: number
  /** The digest of the last wrong one. To repeat it is no new guess: a vCenter with an old password does that. */
  lastWrong: string
  /** Monotonic milliseconds. */
  nextAt: number
  /** The check that runs: guesses are checked one after the other. */
  checking: Promise<void> | undefined
}

export class CredentialGate {
  readonly #matches: typeof matchesCredential
  readonly #now: () => number
  readonly #digestKey = randomBytes(32)
  /** The digest of the right one, by client. */
  readonly #right = new Map<string, string>()
  /** By client and address; the oldest first. */
  readonly #guesses = new Map<string, Guesses>()

  /** `now`: monotonic milliseconds. */
  constructor(matches: typeof matchesCredential, now: () => number) {
    this.#matches = matches
    this.#now = now
  }

  /** Why the message is refused; undefined when it is not. Without a credential set, whatever is sent is ignored. */
  async check(peer: Peer, { id, credential }: Client, request: RequestMessage): Promise<Fault | undefined> {
    if (!credential) return undefined
    const sent = request.credentials.find(({ CredentialType }) => CredentialType === 'UsernameAndPassword')
    if (sent?.CredentialType !== 'UsernameAndPassword') {
      const needed = request.items.some(({ operation }) => operation !== null && demanded.has(operation))
      if (credential.mode === 'when-sent' || !needed) return undefined
      return refused('this client must send its user name and password with this operation')
    }
    const { Username, Password = '' } = sent.CredentialValue
    // The digest covers the credential as it is set now, so that a changed one is checked anew.
    const text = JSON.stringify([credential.hash, credential.salt, Username, Password])
    const digest = createHmac('sha256', this.#digestKey).update(text).digest('hex')
    if (this.#right.get(id) === digest) return undefined
    const check = () => this.#matches(credential, Username, Password)
    return this.#guess(id, `${id} ${neighbourhood(peer.address)}`, digest, check)
  }

  async #guess(
    client: string,
    place: string,
    digest: string,
    check: () => Promise<boolean>,
  ): Promise<Fault | undefined> {
    const guesses = this.#guesses.get(place) ?? { wrong: 0, lastWrong: '', nextAt: 0, checking: undefined }
    this.#keep(place, guesses)
    while (guesses.checking) await guesses.checking.catch(() => undefined)
    const waitMs = guesses.nextAt - this.#now()
    const isNew = this.#right.get(client) !== digest && guesses.lastWrong !== digest
    if (isNew && waitMs > 0) {
      const seconds = Math.ceil(waitMs / 1000)
      return refused(`too many wrong passwords from this address: the next is checked in ${seconds} s`)
    }
    if (isNew) {
      guesses.checking = this.#checkOne(guesses, digest, check, () => {
        this.#right.set(client, digest)
        this.#guesses.delete(place)
      })
      await guesses.checking
    }
    return this.#right.get(client) === digest ? undefined : refused('the user name or password is wrong')
  }

  async #checkOne(
    guesses: Guesses,
    digest: string,
    check: () => Promise<boolean>,
    isRight: () => void,
  ): Promise<void> {
    try {
      if (await check()) return isRight()
      guesses.wrong += 1
      guesses.lastWrong = digest
      guesses.nextAt = this.#now() + pauseMs(guesses.wrong)
    } finally {
      guesses.checking = undefined
    }
  }

  #keep(place: string, guesses: Guesses): void {
    this.#guesses.delete(place)
    this.#guesses.set(place, guesses)
    const [oldest] = this.#guesses.keys()
    if (this.#guesses.size > limits.guessesRememberedMax && oldest !== undefined) this.#guesses.delete(oldest)
  }
}

/** None for the first few, then doubled with each. */
function pauseMs(wrong: number): number {
  const doubled = wrong - limits.guessesFreeMax
  return doubled < 0 ? 0 : Math.min(limits.guessPauseMs * 2 ** doubled, limits.guessPauseMsMax)
}

function refused(message: string): Fault {
  return new Fault('AuthenticationNotSuccessful', message)
}
