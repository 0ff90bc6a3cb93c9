// The one table of conditions: what a person should know or act on. Status, health, metrics, the log and the alert rules
// read it, and docs/conditions.md is printed from it. Each line is a pure function of the facts (facts.ts).

import { StoreUnavailable } from '../../../core/ports/store.ts'
import { accessConditions } from './access.ts'
import { approvalConditions } from '../../approvals/conditions.ts'
import { backupConditions } from '../../backup/conditions.ts'
import { gatherFacts, type FactParts, type Facts } from './facts.ts'
import { severities, type ConditionLine, type Found, type Severity } from '../../../core/conditions/line.ts'
import { rootKeyConditions } from './root-keys.ts'
import { readinessConditions, serverConditions } from './server.ts'
import { storedKeyConditions } from './stored-keys.ts'
import { upstreamConditions } from '../../adopt/conditions.ts'

export const conditionTable = {
  ...readinessConditions,
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
  return conditionsIn(conditionTable, facts)
}

function conditionsIn<F>(table: Readonly<Record<string, ConditionLine<F>>>, facts: F): readonly Condition[] {
  const lines = Object.entries(table) as [ConditionId, ConditionLine<F>][]
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

/**
 * The same, and where the store does not answer, those that are known without it. `isWhole`: a condition that is not among them
 * does not hold. It is false while the node is not ready, since such a node does not know much else, and after a start until it
 * has heard of each root key.
 */
export async function conditionsInSight(
  parts: FactParts,
): Promise<{ readonly conditions: readonly Condition[]; readonly isWhole: boolean }> {
  try {
    const facts = await gatherFacts(parts)
    const { ready, unknown } = facts.readiness
    return { conditions: conditionsOf(facts), isWhole: ready && unknown.size === 0 }
  } catch (error) {
    if (!(error instanceof StoreUnavailable)) throw error
    return { conditions: conditionsOfReadiness(await parts.readiness()), isWhole: false }
  }
}

/** Those that are known without the store. */
export function conditionsOfReadiness(readiness: Facts['readiness']): readonly Condition[] {
  return conditionsIn(readinessConditions, { readiness })
}

/** How many there are of each severity. */
export function countBySeverity(
  conditions: readonly Pick<Condition, 'severity'>[],
): Readonly<Record<Severity, number>> {
  const count = (wanted: Severity) => conditions.filter(({ severity }) => severity === wanted).length
  return { critical: count('critical'), warning: count('warning'), notice: count('notice') }
}
