// The operations that a client may request, as a list of terms. A term is the name of a KMIP operation or of a set of operations.
// Each request looks up the sets, so a set may grow with the protocol. Only core/operations/permission.ts checks requests against
// the list.

import { shellWord } from '../../base/text/shell-word.ts'

/** A term that is neither a set nor an operation grants nothing. */
export type Allow = readonly string[]

const finding = ['Check', 'GetAttributeList', 'GetAttributes', 'Locate']
const reading = ['Get', ...finding]

/**
 * `crypto`: uses keys on the server, and finds them. It lacks Get, so that no key leaves.
 *
 * `vsphere`: the operations that vCenter, ESXi and vSAN send, and all reading ones. It lacks Destroy, Revoke and Modify Attribute
 * (which can make a key not extractable), since vSphere sends none of them.
 */
const sets = new Map<string, readonly string[]>([
  ['read', reading],
  [
    'crypto',
    [
      'Decrypt',
      'Encrypt',
      'Hash',
      'MAC',
      'MACVerify',
      'RNGRetrieve',
      'RNGSeed',
      'Sign',
      'SignatureVerify',
      ...finding,
    ],
  ],
  ['vsphere', ['Activate', 'AddAttribute', 'Create', ...reading]],
])

/** Every operation, including those of later versions, but for `byNameOnly`. */
const everything = 'all'

/**
 * The operations that change what other clients of the instance may make (KMIP 2.1 §6.1.52, §6.1.53). Only a client whose list
 * names them has them.
 */
export const byNameOnly: readonly string[] = ['SetConstraints', 'SetDefaults']

export const allowSets: readonly string[] = [...sets.keys(), everything]

/** For a client without a stored list, and for tokens, whose rights follow from their role. */
export const allowByDefault: Allow = [everything]

/** The list of a new client, unless its administrator chooses another one. */
export const allowOfNewClients: Allow = ['vsphere']

/** `allow`: the client's own list, if it has one. */
export function allowOf({ allow = allowByDefault }: { readonly allow?: Allow | undefined }): Allow {
  return allow
}

/** Whether a client with this list may request every operation that concerns its objects, including those of later versions. */
export function allowsEverything(allow: Allow): boolean {
  return allow.includes(everything)
}

export function allows(allow: Allow, operation: string): boolean {
  const inAll = !byNameOnly.includes(operation)
  return allow.some(
    (term) =>
      (term === everything && inAll) || term === operation || sets.get(term)?.includes(operation) === true,
  )
}

/** True when `allow` grants nothing that `limit` does not grant. */
export function isWithin(allow: Allow, limit: Allow): boolean {
  return operationsOf(allow).every((operation) => allows(limit, operation))
}

/** The operations that both lists grant. */
export function inBoth(one: Allow, other: Allow): Allow {
  if (isWithin(one, other)) return one
  if (isWithin(other, one)) return other
  const common = (list: Allow, limit: Allow) =>
    operationsOf(list).filter((operation) => allows(limit, operation))
  return [...new Set([...common(one, other), ...common(other, one)])]
}

/** The operations of a list. `all` stays a term. */
function operationsOf(allow: Allow): readonly string[] {
  return allow.flatMap((term) => sets.get(term) ?? [term])
}

/** The command that grants a client one more operation. */
export function allowMore(client: string, allow: Allow, operation: string): string {
  const set = `mortise client set ${shellWord(client)} --allow`
  const terms = [...allow, operation]
  if (terms.length > termsNamedMax) return `${set} LIST (its list of now, and ${operation})`
  return `${set} ${terms.join(',')}`
}

/** Longer lists would make the refusals of a batch long. */
const termsNamedMax = 12

export function allowText(allow: Allow): string {
  return allow.join(', ')
}
