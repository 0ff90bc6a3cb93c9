// Set Constraints (KMIP 2.1 §6.1.52): the values that new objects of the instance must have. They take the place of former ones.

import type { Handler } from './handler.ts'
import { ruleOf } from './object-rules.ts'

export const setConstraints: Handler<'SetConstraints'> = async ({ transaction, version }, request) => {
  await transaction.rules.setConstraints(request.Constraints.Constraint.map((one) => ruleOf(one, version)))
  return {}
}
