// The person or program that changes clients, and how far it may go (design: section 7, Roles). A token for one instance
// neither reaches into another instance nor learns of it: client-rules.ts refuses a certificate of another instance in
// the same words as a certificate that nobody knows.

import type { By } from '../audit/actor.ts'
import type { Allow } from './allow.ts'
import type { Role } from './rows.ts'

export interface Grantor extends By {
  readonly role: Role
  /** The only instance that its token is for; null: all instances. */
  readonly onlyInstanceId: string | null
}

/** A change by this grantor never leaves a client that may ask for more than this. */
export function grantedAtMost({ role }: Pick<Grantor, 'role'>): Allow {
  return allowMax[role]
}

const allowMax: Readonly<Record<Role, Allow>> = {
  viewer: [],
  operator: ['vsphere'],
  manager: ['all'],
}
