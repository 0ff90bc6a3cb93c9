// The conditions of every feature of the list in one table, over facts that have those of all: for tests of the rules.

import { conditionsIn, mostSevereFirst, type Condition } from '../../../src/core/conditions/conditions.ts'
import { readinessConditions } from '../../../src/core/conditions/readiness.ts'
import type { ConditionLines } from '../../../src/core/conditions/line.ts'
import type { Feature } from '../../../src/doors/http/feature.ts'
import { load, type Servers } from '../../../src/program/features.ts'

type Facts<S> =
  S extends Feature<never, unknown, infer F> ? ([F] extends [never] ? never : (facts: F) => void) : never
export type AllFacts = Facts<Servers[keyof Servers]> extends (facts: infer All) => void ? All : never

export const conditionTable = Object.assign(
  { ...readinessConditions },
  ...Object.values(await load('server')).map(({ conditions }) => conditions),
) as ConditionLines<AllFacts>

export function conditionsOf(facts: AllFacts): readonly Condition[] {
  return mostSevereFirst(conditionsIn(conditionTable, facts))
}
