// FIPS mode: the process computes with OpenSSL's FIPS provider alone. A process is in it from its start to its end
// (host/fips.ts starts it so), so this is a constant.

import { getFips } from 'node:crypto'

export const fipsMode = getFips() === 1

/** The text of a refusal. `what`: a noun that begins the sentence. */
export function notApproved(what: string): string {
  return `${what} is not approved for FIPS mode, in which this server runs`
}
