// Whether somebody may do what needs a role, so that the pages offer no more. The server decides again with each request.

import type { Output } from '../../src/program/routes.ts'

type Who = Pick<Output<'showSession'>, 'role' | 'instance' | 'person' | 'grants'>

const roles = ['viewer', 'operator', 'manager'] as const

export interface Where {
  /** It concerns all instances and the server itself. */
  readonly server?: boolean
  /** It concerns this instance, by id or name. Left out: any one will do. */
  readonly instance?: string
}

export function mayDo(who: Who, role: Who['role'], { server = false, instance }: Where = {}): boolean {
  // A person may have another role in one instance than in all.
  const grants = who.person ? who.grants : [who]
  return grants
    .filter((one) => roles.indexOf(one.role) >= roles.indexOf(role))
    .some((one) => {
      if (one.instance === null) return true
      return !server && (instance === undefined || [one.instance.id, one.instance.name].includes(instance))
    })
}
