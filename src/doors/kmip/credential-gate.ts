// Checks the user name and password that a client may have besides its certificate. vCenter sends them with Create, Get, Activate and
// Get Attributes of the state, but not with its other operations. So the mode `required` demands them for every operation but a few that
// neither return nor destroy a key. vCenter opens a connection for each task, so the gate remembers the right password until the
// administrator changes it. After a wrong password the next one from the same address waits.

import { createHmac, randomBytes } from 'node:crypto'
import type { matchesCredential } from '../../core/trust/credential.ts'
import type { Credential } from '../../core/trust/rows.ts'
import { Fault } from '../../wire/kmip/fault.ts'
import type { RequestMessage } from '../../wire/kmip/message.ts'
import type { OperationName } from '../../wire/kmip/operations.ts'
import { subnetOf } from '../../base/address.ts'
import type { Peer } from './contract.ts'

/** After this many wrong passwords of one client from one address, a pause precedes each check and doubles each time. */
export const guessesFreeMax = 3
export const guessPauseMs = 1_000
export const guessPauseMsMax = 60_000
const guessesRememberedMax = 10_000

/**
 * The operations that need no password even with `required`: a client asks about the server, finds keys, reads attributes, or adds
 * them, as vCenter does with the name of a VM.
 */
const withoutPassword: ReadonlySet<OperationName> = new Set([
  'AddAttribute',
  'Check',
  'DiscoverVersions',
  'GetAttributeList',
  'GetAttributes',
  'Locate',
  'Query',
])

/** The guesses of one client from one address. */
interface Guesses {
  wrong: number
  /** The digest of the last wrong password. A vCenter with an old password repeats it, and that is not a new guess. */
  lastWrong: string
  /** Monotonic milliseconds. */
  nextAt: number
  /** The check that runs. The next guess waits for it. */
  checking: Promise<void> | undefined
}

export class CredentialGate {
  readonly #matches: typeof matchesCredential
  readonly #now: () => number
  readonly #digestKey = randomBytes(32)
  /** The digest of the right password, by client. */
  readonly #right = new Map<string, string>()
  /** By client and subnet, the least recently used first. */
  readonly #guesses = new Map<string, Guesses>()

  /** `now`: monotonic milliseconds. */
  constructor(matches: typeof matchesCredential, now: () => number) {
    this.#matches = matches
    this.#now = now
  }

  /**
   * Resolves to the Fault that refuses the message, or undefined if it passes. Call it only for a client for which a user name and a password
   * are stored: its mode and the operation say whether the message must carry them.
   */
  async check(
    peer: Peer,
    clientId: string,
    credential: Credential,
    request: RequestMessage,
  ): Promise<Fault | undefined> {
    const sent = request.credentials.find(({ CredentialType }) => CredentialType === 'UsernameAndPassword')
    if (sent?.CredentialType !== 'UsernameAndPassword') {
      // An unknown operation needs no password: the batch refuses it anyway.
      const needed = request.items.some(
        ({ operation }) => operation !== null && !withoutPassword.has(operation),
      )
      if (credential.mode === 'when-sent' || !needed) return undefined
      return refused('this client must send its user name and password with this operation')
    }
    const { Username, Password = '' } = sent.CredentialValue
    // The digest covers the stored credential too. So after the administrator changes that, the gate checks the password again.
    const text = JSON.stringify([credential.hash, credential.salt, Username, Password])
    const digest = createHmac('sha256', this.#digestKey).update(text).digest('hex')
    if (this.#right.get(clientId) === digest) return undefined
    const check = () => this.#matches(credential, Username, Password)
    return this.#guess(clientId, `${clientId} ${subnetOf(peer.address)}`, digest, check)
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
    if (this.#guesses.size > guessesRememberedMax && oldest !== undefined) this.#guesses.delete(oldest)
  }
}

/** Milliseconds before the next check. The first few wrong passwords cause no pause; then it doubles with each. */
function pauseMs(wrong: number): number {
  const doubled = wrong - guessesFreeMax
  return doubled < 0 ? 0 : Math.min(guessPauseMs * 2 ** doubled, guessPauseMsMax)
}

function refused(message: string): Fault {
  return new Fault('AuthenticationNotSuccessful', message)
}
