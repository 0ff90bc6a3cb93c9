// How a call to a service of root keys fails, whichever service it is. Each kind reads its own refusals (readRefusal in its
// api.ts); what follows from one is here alike for all: whether the call is made again, and whether with other credentials.

import { RootKeyError, type RootKeyReach } from '../../../core/ports/root-key.ts'

/** An answer that is no success, as the kind read it. */
export interface CloudRefusal {
  /** By HTTP status and the service's code; by its words only where it has no codes. */
  readonly reach: RootKeyReach
  /** The service's code, or its words where it has none. */
  readonly code: string
  /** Tells the administrator what is wrong and what to do. */
  readonly message: string
  /** The call may succeed when it is repeated. */
  readonly transient?: boolean
  /** Our access is refused: other credentials may cure it. */
  readonly access?: boolean
  /** The key did not seal what was sent, or not for that place. */
  readonly altered?: boolean
}

interface About {
  /** null: there was no answer. */
  readonly status: number | null
  readonly code: string
  readonly transient: boolean
  readonly access?: boolean
  readonly altered?: boolean
}

export class CloudError extends RootKeyError {
  readonly status: number | null
  readonly code: string
  readonly transient: boolean
  readonly access: boolean

  constructor(reach: RootKeyReach, message: string, about: About & ErrorOptions) {
    super(reach, message, about)
    this.status = about.status
    this.code = about.code
    this.transient = about.transient
    this.access = about.access ?? false
  }
}

/** There was no answer that the service wrote. It is worth another try. */
export function unanswered(title: string, why: string, cause?: Error): CloudError {
  const about = { status: null, code: why, transient: true, ...(cause && { cause }) }
  return new CloudError('unreachable', `${title} cannot be reached: ${why}`, about)
}
