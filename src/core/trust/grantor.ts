// The person or program that changes clients, and what it may change (design: section 7, Roles). A token for one
// instance cannot affect another instance or learn about it: client-rules.ts refuses another instance's certificate
// with the same message as an unknown certificate.

import type { By } from '../audit/actor.ts'
import type { Allow } from './allow.ts'
import type { Consent } from './consent.ts'
import type { Role } from './rows.ts'

export interface Grantor extends By {
  readonly role: Role
  /** The only instance that its token is for. Null: all instances. */
  readonly onlyInstanceId: string | null
  /** Rejects once the token or the login behind it ended or gives too little; otherwise as of which version of trust. */
  readonly stillMay?: () => Promise<{ readonly trustVersion: number }>
  /** A second person approves this very act: its commit takes the request along. */
  readonly consent?: Consent
}

/** The most that a client may be allowed to request after a change by this grantor. */
export function grantedAtMost({ role }: Pick<Grantor, 'role'>): Allow {
  return allowMax[role]
}

const allowMax: Readonly<Record<Role, Allow>> = {
  viewer: [],
  operator: ['vsphere'],
  manager: ['all'],
}
