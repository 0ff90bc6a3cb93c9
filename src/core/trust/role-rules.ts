// Which roles the groups of a person give, and which of them a request uses. Pure. Every request asks, so a changed rule counts
// at once.

import { roleOrder, type Instance, type Role } from './rows.ts'

/** A rule of oidc.roles. */
export interface RoleRule {
  readonly group: string
  readonly role: Role
  /** Id or name. Null: all instances and the server itself. */
  readonly instance: string | null
}

export interface Grant {
  readonly role: Role
  readonly instanceId: string | null
}

/** The highest role for each instance and for all. A rule for an unknown instance gives nothing. */
export function grantsOf(
  groups: readonly string[],
  rules: readonly RoleRule[],
  instances: ReadonlyMap<string, Instance>,
): readonly Grant[] {
  const highest = new Map<string | null, Role>()
  for (const { group, role, instance } of rules) {
    if (!groups.includes(group)) continue
    const reach = instance === null ? null : idOf(instance, instances)
    if (reach === undefined) continue
    const before = highest.get(reach)
    if (before === undefined || isAtLeast(role, before)) highest.set(reach, role)
  }
  return [...highest].map(([instanceId, role]) => ({ role, instanceId }))
}

/**
 * The grant that a request uses. `instanceId`: the instance of the request. The highest role counts, and among equal roles the
 * one for all instances.
 */
export function grantFor(grants: readonly Grant[], instanceId: string | null): Grant | undefined {
  return grants
    .filter((grant) => grant.instanceId === null || grant.instanceId === instanceId)
    .toSorted((a, b) => rankOf(b.role) - rankOf(a.role) || (a.instanceId === null ? -1 : 1))[0]
}

export function isAtLeast(role: Role, least: Role): boolean {
  return rankOf(role) >= rankOf(least)
}

function rankOf(role: Role): number {
  return roleOrder.indexOf(role)
}

function idOf(nameOrId: string, instances: ReadonlyMap<string, Instance>): string | undefined {
  return instances.has(nameOrId)
    ? nameOrId
    : [...instances.values()].find(({ name }) => name === nameOrId)?.id
}
