// The conditions of every feature in one table, over facts that have those of all: for tests of the rules.

import {
  Conditions,
  conditionsIn,
  mostSevereFirst,
  type Condition,
} from '../../src/core/conditions/conditions.ts'
import { readinessConditions } from '../../src/core/conditions/readiness.ts'
import type { ConditionLines } from '../../src/core/conditions/line.ts'
import {
  upstreamConditionFacts,
  upstreamConditions,
  type UpstreamConditionFacts,
} from '../../src/features/adopt/conditions.ts'
import { alertConditions, type AlertFacts } from '../../src/features/alerts/conditions.ts'
import { approvalConditions, type ApprovalFacts } from '../../src/features/approvals/conditions.ts'
import {
  backupConditionFacts,
  backupConditions,
  type BackupConditionFacts,
} from '../../src/features/backup/conditions.ts'
import {
  inventoryConditions,
  inventoryFacts,
  type MissingFacts,
} from '../../src/features/inventory/conditions.ts'
import { siemConditions, type SiemFacts } from '../../src/features/siem/conditions.ts'
import { statusFacts, type Facts } from '../../src/features/status/conditions/facts.ts'
import { statusConditions } from '../../src/features/status/conditions/table.ts'
import type { Needs as StatusNeeds } from '../../src/features/status/needs.ts'
import type { Backups } from '../../src/features/backup/backups.ts'
import type { Inventories } from '../../src/features/inventory/inventories.ts'
import type { Offered } from '../../src/program/open-features.ts'

export type AllFacts = Facts &
  ApprovalFacts &
  BackupConditionFacts &
  MissingFacts &
  SiemFacts &
  UpstreamConditionFacts &
  AlertFacts

export const conditionTable: ConditionLines<AllFacts> = {
  ...readinessConditions,
  ...statusConditions,
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
  context: Omit<StatusNeeds, 'conditions' | 'metricsText'> &
    Pick<Offered, 'kmip' | 'store' | 'workerReports'> & {
      readonly backups: Pick<Backups, 'facts'>
      readonly inventories: Pick<Inventories, 'known'>
    },
): Conditions {
  const conditions = new Conditions(context)
  const needs = { ...context, conditions, metricsText: () => Promise.reject(new Error('no metrics here')) }
  conditions.add({ lines: statusConditions, facts: (common) => statusFacts(needs, common) })
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
