// The operations that a client may ask for: a list of terms, each the name of a KMIP operation or of a set of operations.
// A set is looked up when a request is judged, so it may grow with the protocol. operations/permission.ts is the only
// place that judges requests by this list.

/** Terms. A term that is neither a set nor an operation grants nothing. */
export type Allow = readonly string[]

const reading = ['Check', 'Get', 'GetAttributeList', 'GetAttributes', 'Locate']

/**
 * `vsphere`: what vCenter, ESXi and vSAN send, and reading. It lacks Destroy, Revoke and Modify Attribute (which can
 * make a key not extractable): vSphere sends none of them.
 */
const sets = new Map<string, readonly string[]>([
  ['read', reading],
  ['vsphere', ['Activate', 'AddAttribute', 'Create', ...reading]],
])

/** Every operation, those of later versions too. */
const everything = 'all'

export const allowSets: readonly string[] = [...sets.keys(), everything]

/** For a client that was trusted without a list. */
export const allowByDefault: Allow = [everything]

export function allows(allow: Allow, operation: string): boolean {
  return allow.some(
    (term) => term === everything || term === operation || sets.get(term)?.includes(operation) === true,
  )
}

/** True when `allow` grants nothing that `limit` does not grant. */
export function isWithin(allow: Allow, limit: Allow): boolean {
  if (limit.includes(everything)) return true
  if (allow.includes(everything)) return false
  return allow.flatMap((term) => sets.get(term) ?? [term]).every((operation) => allows(limit, operation))
}

export function allowText(allow: Allow): string {
  return allow.join(', ')
}
