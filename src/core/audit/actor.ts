// The actor that an audit entry names: a client, a token, a person, the server itself, or an unauthenticated peer.

import type { Actor } from '../ports/audit.ts'

/** The actor of the server's own acts. */
export const serverActor: Actor = {
  kind: 'server',
  id: null,
  name: null,
  certificateSha256: null,
  address: null,
}

/** The author of a change, and the request. */
export interface By extends Actor {
  readonly requestId?: string | null
}
