// The conditions of every feature in one table, over facts that have those of all: for tests of the rules.

import {
  Conditions,
  conditionsIn,
  mostSevereFirst,
  type Condition,
} from '../../../src/core/conditions/conditions.ts'
import { readinessConditions } from '../../../src/core/conditions/readiness.ts'
import type { ConditionLines } from '../../../src/core/conditions/line.ts'
import {
  upstreamConditionFacts,
  upstreamConditions,
  type UpstreamConditionFacts,
} from '../../../src/features/adopt/conditions.ts'
import { alertConditions, type AlertFacts } from '../../../src/features/alerts/conditions.ts'
import { approvalConditions, type ApprovalFacts } from '../../../src/features/approvals/conditions.ts'
import {
  backupConditionFacts,
  backupConditions,
  type BackupConditionFacts,
} from '../../../src/features/backup/conditions.ts'
import {
  inventoryConditions,
  inventoryFacts,
  type MissingFacts,
} from '../../../src/features/inventory/conditions.ts'
import { siemConditions, type SiemFacts } from '../../../src/features/siem/conditions.ts'
import {
  accessConditions,
  accessFacts,
  type AccessFacts,
  type AccessNeeds,
} from '../../../src/features/status/conditions/access.ts'
import {
  rootKeyConditions,
  rootKeyFacts,
  type RootKeyFacts,
  type RootKeyNeeds,
} from '../../../src/features/status/conditions/root-keys.ts'
import {
  serverConditions,
  serverFacts,
  type ServerConditionFacts,
  type ServerNeeds,
} from '../../../src/features/status/conditions/server.ts'
import {
  storedKeyConditions,
  storedKeyFacts,
  type StoredKeyFacts,
  type StoredKeyNeeds,
} from '../../../src/features/status/conditions/stored-keys.ts'
import type { Backups } from '../../../src/features/backup/backups.ts'
import type { Inventories } from '../../../src/features/inventory/inventories.ts'
import type { Offered } from '../../../src/program/open-features.ts'

export type AllFacts = ServerConditionFacts &
  RootKeyFacts &
  StoredKeyFacts &
  AccessFacts &
  ApprovalFacts &
  BackupConditionFacts &
  MissingFacts &
  SiemFacts &
  UpstreamConditionFacts &
  AlertFacts

export const conditionTable: ConditionLines<AllFacts> = {
  ...readinessConditions,
  ...serverConditions,
  ...rootKeyConditions,
  ...storedKeyConditions,
  ...accessConditions,
  ...backupConditions,
  ...upstreamConditions,
  ...inventoryConditions,
  ...siemConditions,
  ...alertConditions,
  ...approvalConditions,
}

export function conditionsOf(facts: AllFacts): readonly Condition[] {
  return mostSevereFirst(conditionsIn(conditionTable, facts))
}

/** The conditions of a server's parts, of which a test has changed some. */
export function conditionsOver(
  context: AccessNeeds &
    RootKeyNeeds &
    ServerNeeds &
    StoredKeyNeeds &
    ConstructorParameters<typeof Conditions>[0] &
    Pick<Offered, 'kmip' | 'store' | 'workerReports'> & {
      readonly backups: Pick<Backups, 'facts'>
      readonly inventories: Pick<Inventories, 'known'>
    },
): Conditions {
  const conditions = new Conditions(context)
  conditions.add({ lines: serverConditions, facts: (common) => serverFacts(context, common) })
  conditions.add({ lines: rootKeyConditions, facts: (common) => rootKeyFacts(context, common) })
  conditions.add({ lines: storedKeyConditions, facts: (common) => storedKeyFacts(context, common) })
  conditions.add({ lines: accessConditions, facts: (common) => accessFacts(context, common) })
  conditions.add({ lines: backupConditions, facts: (common) => backupConditionFacts(context, common) })
  conditions.add({
    lines: upstreamConditions,
    facts: (common) => upstreamConditionFacts({ ...context, upstreams: context.kmip.adopt }, common),
  })
  conditions.add({
    lines: inventoryConditions,
    facts: (common) => inventoryFacts(context.inventories, common),
  })
  return conditions
}
