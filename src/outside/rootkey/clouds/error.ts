// The error of a failed call to a service of root keys. Each kind reads its own refusals (readRefusal in its api.ts) into a
// CloudRefusal, whose fields are the same for all kinds. By them session.ts decides whether to repeat the call, and whether to do so
// with other credentials.

import { RootKeyError, type RootKeyReach } from '../../../core/ports/root-key.ts'

/** The service's refusal of a call, as the kind's api.ts read it. */
export interface CloudRefusal {
  /** The kind's api.ts finds it by HTTP status and the service's code, and by the service's words only where it has no codes. */
  readonly reach: RootKeyReach
  /** The service's code, or its words where it has none. */
  readonly code: string
  /** Tells the administrator what is wrong and what to do. */
  readonly message: string
  /** The call may succeed when it is repeated. */
  readonly transient?: boolean
  /** The service refuses our access: with other credentials the call may succeed. */
  readonly access?: boolean
  /** The key did not seal what the call sent, or sealed it for another place. */
  readonly altered?: boolean
}

interface About {
  /** null: the service did not answer, or Mortise did not understand the answer. */
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

/** The error of a call to which the service wrote no answer. The call is worth another try. */
export function unanswered(title: string, why: string, cause?: Error): CloudError {
  const about = { status: null, code: why, transient: true, ...(cause && { cause }) }
  return new CloudError('unreachable', `${title} cannot be reached: ${why}`, about)
}
