// A root key that an instance is to have, tried before anything is changed, and the API key that goes with it. For the
// routes that make instances and that change their root key or API key.

import type { Write } from '../ports/store.ts'
import { RootKeyError } from '../ports/root-key.ts'
import type { Instance } from '../trust/rows.ts'
import type { AdminContext } from './context.ts'
import { Refusal } from './errors.ts'

export interface WantedRootKey {
  readonly instanceId: string
  readonly rootKey: string
  readonly custody: Instance['custody']
  /** undefined: the one that there is, the instance's own or the server's. */
  readonly apiKey: string | undefined
}

/** What is to be committed by whoever changes the instance. */
export interface ReadyRootKey {
  readonly rootKeyUri: string
  /** What whoever chose it should know. */
  readonly warnings: readonly string[]
  readonly writes: readonly Write[]
  /** For the audit. */
  readonly detail: Readonly<Record<string, string>>
}

/**
 * Tries the root key, with the API key if one is given, and does `work` with what is to be committed. Nothing is kept of
 * either when that fails. Refusal, with what to do, when they do not fit or the root key says no.
 */
export async function withRootKey<T>(
  { rootKeys, apiKeys }: Pick<AdminContext, 'rootKeys' | 'apiKeys'>,
  { instanceId, rootKey, custody, apiKey }: WantedRootKey,
  work: (ready: ReadyRootKey) => Promise<T>,
): Promise<T> {
  if (custody === 'keyprotect')
    requireIbm(rootKey, 'custody keyprotect (--custody; custody in the body) is for root keys')
  if (apiKey !== undefined)
    requireIbm(rootKey, 'an API key (--ibm-api-key-file; ibmApiKey in the body) is for root keys')
  try {
    const access = { instanceId, ...(apiKey !== undefined && { apiKey }) }
    const { uri: rootKeyUri, warnings } = await rootKeys.prepare(rootKey, { custody, ...access })
    if (apiKey === undefined) return await work({ rootKeyUri, warnings, writes: [], detail: {} })
    const detail = { ibmApiKey: 'given' }
    return await apiKeys.with({ instanceId, rootKeyUri, apiKey }, (writes) =>
      work({ rootKeyUri, warnings, writes, detail }),
    )
  } catch (error) {
    if (error instanceof RootKeyError) throw new Refusal('refused', error.message)
    throw error
  }
}

/** Whether a root key is where keys can lie beside it, and where one speaks with an API key. */
export function isIbm(rootKey: string): boolean {
  return /^(keyprotect|hpcs):/i.test(rootKey)
}

/** `what` begins the refusal. */
export function requireIbm(rootKey: string, what: string): void {
  if (isIbm(rootKey)) return
  throw new Refusal(
    'bad-request',
    `${what} in Key Protect and HPCS, and this one is ${rootKey}`,
    'A root key there is named keyprotect://HOST/INSTANCE-GUID/KEY or hpcs://HOST/INSTANCE-GUID/KEY.',
  )
}
