// Says who may approve a request that waits for a second person.

import type { Output } from '../../src/program/routes.ts'

/** Empty: no person may. */
export function approversOf({
  approvers,
  approverGroups,
}: Pick<Output<'showApproval'>, 'approvers' | 'approverGroups'>): string {
  const groups =
    approverGroups.length === 0
      ? []
      : [`other people who log in from the groups ${approverGroups.join(', ')}`]
  return [...approvers, ...groups].join(', ')
}
