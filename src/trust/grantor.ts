// Who changes clients, and how far that one may go (design: section 7, Roles). A token for one instance is neither to
// reach into another nor to learn of it, so what it is refused for the sake of others is refused in the same words as
// what does not exist anywhere.

import type { By } from '../audit/actor.ts'
import type { Allow } from './allow.ts'
import type { Role } from './rows.ts'

export interface Grantor extends By {
  readonly role: Role
  /** The only instance that it reaches; null: all. */
  readonly onlyInstanceId: string | null
}

/** What a client may ask for at most after this one changed it. */
export function grantedAtMost({ role }: Pick<Grantor, 'role'>): Allow {
  return allowMax[role]
}

const allowMax: Readonly<Record<Role, Allow>> = {
  viewer: [],
  operator: ['vsphere'],
  manager: ['all'],
}
