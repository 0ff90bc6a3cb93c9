// The JSON form of what a person may do.

import type { Grant } from '../../../core/trust/role-rules.ts'
import type { Instance } from '../../../core/trust/rows.ts'

export function shownGrants(grants: readonly Grant[], instances: ReadonlyMap<string, Instance>) {
  return grants.map(({ role, instanceId }) => ({
    role,
    instance:
      instanceId === null ? null : { id: instanceId, name: instances.get(instanceId)?.name ?? instanceId },
  }))
}
