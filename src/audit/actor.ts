// The party that the audit names for an act: a client, a token, the server itself, a stranger.

import type { Actor } from '../ports/audit.ts'

/** The server itself, for what it does on its own. */
export const serverActor: Actor = {
  kind: 'server',
  id: null,
  name: null,
  certificateSha256: null,
  address: null,
}

/** The party that changes something, and in which request. */
export interface By extends Actor {
  readonly requestId?: string | null
}
