// Set Constraints (KMIP 2.1 §6.1.52): the required values of new objects in the instance. They replace the former ones.

import type { Handler } from './handler.ts'
import { ruleOf } from './object-rules.ts'

export const setConstraints: Handler<'SetConstraints'> = async ({ transaction, version }, request) => {
  await transaction.rules.setConstraints(request.Constraints.Constraint.map((one) => ruleOf(one, version)))
  return {}
}
