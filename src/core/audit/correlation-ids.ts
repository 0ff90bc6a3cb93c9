// Names the calls of a root key's service in an audit entry.

import type { CorrelationIds } from '../ports/root-key.ts'

/** The maximum number of calls that one entry names. */
const callsNamedMax = 8

/** The detail of an audit entry that names the calls. */
export function namedCalls(correlationIds: CorrelationIds): { readonly correlationIds?: string } {
  if (correlationIds.size === 0) return {}
  return { correlationIds: [...correlationIds].slice(0, callsNamedMax).join(' ') }
}
