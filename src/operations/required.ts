// A field that the schema leaves optional because other versions lack it, and that this version must have.

import { Fault } from '../kmip/fault.ts'

/** Fault InvalidMessage when it is missing. `what` names it for the client. */
export function required<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Fault('InvalidMessage', `the request has no ${what}`)
  return value
}
