// Set Defaults (KMIP 2.1 §6.1.53): the default values of new objects in the instance. A request without Defaults Information
// removes them.

import { Fault } from '../../wire/kmip/fault.ts'
import type { Handler } from './handler.ts'
import { ruleOf } from './object-rules.ts'

export const setDefaults: Handler<'SetDefaults'> = async ({ transaction, version }, request) => {
  const rules = (request.DefaultsInformation?.ObjectDefaults ?? []).map((one) => ruleOf(one, version))
  if (rules.some(({ objectTypes }) => objectTypes.length === 0))
    throw new Fault('InvalidField', 'Object Defaults are for object types, and name them')
  await transaction.rules.setDefaults(rules)
  return {}
}
