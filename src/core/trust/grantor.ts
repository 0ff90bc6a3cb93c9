// The person or program that changes clients, and its rights (design: section 7, Roles). A token for one instance cannot affect
// another instance or learn about it: client-rules.ts refuses another instance's certificate with the same message as an unknown
// certificate.

import type { By } from '../audit/actor.ts'
import { byNameOnly, type Allow } from './allow.ts'
import type { Consent } from './consent.ts'
import type { Role } from './rows.ts'

export interface Grantor extends By {
  readonly role: Role
  /** The only instance that its token covers. Null: all instances. */
  readonly onlyInstanceId: string | null
  /**
   * Rejects if the token or login has ended or its role does not suffice any more. Otherwise returns the trust version of the
   * answer.
   */
  readonly stillMay?: () => Promise<{ readonly trustVersion: number }>
  /** The approval of a second person for this very act. The act's commit includes the request. */
  readonly consent?: Consent
}

/** The most that a client may be allowed to request after a change by this grantor. */
export function grantedAtMost({ role }: Pick<Grantor, 'role'>): Allow {
  return allowMax[role]
}

const allowMax: Readonly<Record<Role, Allow>> = {
  viewer: [],
  operator: ['vsphere'],
  manager: ['all', ...byNameOnly],
}
