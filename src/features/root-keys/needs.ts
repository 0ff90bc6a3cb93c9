// The parts of the server that the routes about root keys need.

import type { Audit } from '../../core/audit/audit.ts'
import type { TrustChanges } from '../../core/instances/trust-changes.ts'
import type { Clock } from '../../core/ports/clock.ts'
import type { RootKeys } from '../../core/ports/root-keys.ts'
import type { ChallengeAnswer, RootKeyChallenge } from '../../core/sealing/root-key-challenge.ts'
import type { ServerNotes } from '../../core/sealing/server-notes.ts'
import type { Access } from '../../core/trust/access.ts'
import type { Machine } from '../../core/server/machine.ts'

export interface Needs {
  readonly access: Access
  readonly audit: Audit
  readonly clock: Clock
  readonly machine: Machine
  readonly notes: Pick<ServerNotes, 'change'>
  /** Challenges for copies of root keys, by the URI of the root key. */
  readonly rootKeyProof: {
    readonly challenge: (uri: string) => Promise<RootKeyChallenge>
    readonly accept: (uri: string, answer: ChallengeAnswer) => boolean
  }
  readonly rootKeys: RootKeys
  readonly trust: TrustChanges
}
