// For a field that is optional in the schema because other versions lack it, but that this version requires.

import { Fault } from '../../wire/kmip/fault.ts'

/** Throws Fault InvalidMessage if the value is missing. `what`: the field's name for the client. */
export function required<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Fault('InvalidMessage', `the request has no ${what}`)
  return value
}
