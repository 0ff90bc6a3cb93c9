// The user name and password that a client may be given besides its certificate. vCenter sends them with Create, Get,
// Get Attributes of State and Activate, and not with the rest; so `required` demands them for what makes, hands out or
// changes keys, and lets attributes be read and noted without. Checked once per connection and credential.

import { createHash } from 'node:crypto'
import type { matchesCredential } from '../trust/credential.ts'
import type { Client, Credential } from '../trust/rows.ts'
import { Fault } from '../kmip/fault.ts'
import type { RequestMessage } from '../kmip/message.ts'
import type { OperationName } from '../kmip/operations.ts'
import type { Peer } from './door.ts'

const demanded: ReadonlySet<OperationName> = new Set([
  'Create',
  'Register',
  'Get',
  'Activate',
  'Revoke',
  'Destroy',
])

export class CredentialGate {
  /** What was found out, per connection: whether the credential with this digest is right. */
  readonly #checked = new WeakMap<Peer, Map<string, Promise<boolean>>>()
  readonly #matches: typeof matchesCredential

  constructor(matches: typeof matchesCredential) {
    this.#matches = matches
  }

  /** Why the message is refused; undefined when it is not. Without a credential set, whatever is sent is ignored. */
  async check(peer: Peer, { credential }: Client, request: RequestMessage): Promise<Fault | undefined> {
    if (!credential) return undefined
    const sent = request.credentials.find(({ CredentialType }) => CredentialType === 'UsernameAndPassword')
    if (sent?.CredentialType !== 'UsernameAndPassword') {
      const needed = request.items.some(({ operation }) => operation !== null && demanded.has(operation))
      if (credential.mode === 'when-sent' || !needed) return undefined
      return refused('this client must send its user name and password with this operation')
    }
    const { Username, Password = '' } = sent.CredentialValue
    const right = await this.#once(peer, credential, Username, Password)
    return right ? undefined : refused('the user name or password is wrong')
  }

  #once(peer: Peer, credential: Credential, userName: string, password: string): Promise<boolean> {
    const known = this.#checked.get(peer) ?? new Map<string, Promise<boolean>>()
    this.#checked.set(peer, known)
    // Under the credential as it is set now: a new password is asked for anew.
    const digest = createHash('sha256')
      .update(JSON.stringify([credential.hash, credential.salt, userName, password]))
      .digest('hex')
    const before = known.get(digest)
    if (before) return before
    // One wrong answer is remembered, not a list of guesses.
    known.clear()
    const checking = this.#matches(credential, userName, password)
    known.set(digest, checking)
    return checking
  }
}

function refused(message: string): Fault {
  return new Fault('AuthenticationNotSuccessful', message)
}
