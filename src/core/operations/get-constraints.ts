// Get Constraints (KMIP 2.1 §6.1.22): the required values of new objects in the instance.

import type { Handler } from './handler.ts'
import { constraintOf } from './object-rules.ts'

export const getConstraints: Handler<'GetConstraints'> = async ({ transaction, version }) => {
  const rules = await transaction.rules.constraints()
  return { Constraints: { Constraint: rules.map((rule) => constraintOf(rule, version)) } }
}
