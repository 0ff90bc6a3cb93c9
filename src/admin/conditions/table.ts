// The one table of conditions: what a person should know or act on. Status, health, metrics, the log and the alert rules
// read it, and docs/conditions.md is printed from it. Each line is a pure function of the facts (facts.ts).

import { accessConditions } from './access.ts'
import { approvalConditions } from './approvals.ts'
import { backupConditions } from './backups.ts'
import { gatherFacts, type FactParts, type Facts } from './facts.ts'
import { severities, type ConditionLine, type Found, type Severity } from './line.ts'
import { rootKeyConditions } from './root-keys.ts'
import { serverConditions } from './server.ts'
import { storedKeyConditions } from './stored-keys.ts'
import { upstreamConditions } from './upstreams.ts'

export const conditionTable = {
  ...serverConditions,
  ...rootKeyConditions,
  ...storedKeyConditions,
  ...backupConditions,
  ...upstreamConditions,
  ...accessConditions,
  ...approvalConditions,
} as const satisfies Record<string, ConditionLine>

export type ConditionId = keyof typeof conditionTable

/** A condition that holds now. */
export interface Condition extends Found {
  readonly id: ConditionId
  readonly severity: Severity
  /** The advice: how a person ends it. */
  readonly action: string
}

/** The most severe first. */
export function conditionsOf(facts: Facts): readonly Condition[] {
  const lines = Object.entries(conditionTable) as [ConditionId, ConditionLine][]
  return lines
    .flatMap(([id, { severity, action, find }]) =>
      find(facts).map((found): Condition => ({
        ...found,
        id,
        severity: found.severity ?? severity,
        action: found.action ?? action,
      })),
    )
    .toSorted((a, b) => severities.indexOf(a.severity) - severities.indexOf(b.severity))
}

/** All conditions, for whoever may see all instances. */
export async function conditionsNow(parts: FactParts): Promise<readonly Condition[]> {
  return conditionsOf(await gatherFacts(parts))
}

/** How many there are of each severity. */
export function countBySeverity(
  conditions: readonly Pick<Condition, 'severity'>[],
): Readonly<Record<Severity, number>> {
  const count = (wanted: Severity) => conditions.filter(({ severity }) => severity === wanted).length
  return { critical: count('critical'), warning: count('warning'), notice: count('notice') }
}
