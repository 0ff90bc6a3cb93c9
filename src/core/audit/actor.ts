// The party that an audit entry names for an act: a client, a token, a person, the server itself, a stranger.

import type { Actor } from '../ports/audit.ts'

/** The server, for what it does by itself. */
export const serverActor: Actor = {
  kind: 'server',
  id: null,
  name: null,
  certificateSha256: null,
  address: null,
}

/** The party that changes something, and its request. */
export interface By extends Actor {
  readonly requestId?: string | null
}
