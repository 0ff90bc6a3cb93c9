// Tries the new root key of an instance, and the API key for it, before anything changes. For the routes that create instances
// and that change their root key or API key.

import type { Store, Write } from '../ports/store.ts'
import { custodyNeeds } from '../custody/custody.ts'
import { RootKeyError } from '../ports/root-key.ts'
import { isRootKeyFile } from '../../base/root-key-file.ts'
import type { Instance } from '../trust/rows.ts'
import type { RootKeys } from '../ports/root-keys.ts'
import type { Access } from '../trust/access.ts'
import type { ApiKeys } from './api-keys.ts'
import { Refusal } from '../../base/refusal.ts'

export interface WantedRootKey {
  readonly instanceId: string
  readonly rootKey: string
  readonly custody: Instance['custody']
  /** undefined: the existing API key, the instance's own or the server's. */
  readonly apiKey: string | undefined
}

export interface RootKeyChangeParts {
  readonly rootKeys: RootKeys
  readonly apiKeys: Pick<ApiKeys, 'with'>
  readonly access: Pick<Access, 'instances'>
  readonly store: Pick<Store, 'dataKeys'>
}

/** The caller commits this together with its change of the instance. */
export interface ReadyRootKey {
  readonly rootKeyUri: string
  /** Warnings for the administrator who chose the root key. */
  readonly warnings: readonly string[]
  readonly writes: readonly Write[]
  /** For the audit entry. */
  readonly detail: Readonly<Record<string, string>>
}

/**
 * Tries the root key, with the API key if there is one, and calls `work` with the writes to commit. If that fails, the server
 * keeps neither. Throws Refusal, which says what to do, if they do not fit or the root key's service refuses.
 */
export async function withRootKey<T>(
  context: RootKeyChangeParts,
  { instanceId, rootKey, custody, apiKey }: WantedRootKey,
  work: (ready: ReadyRootKey) => Promise<T>,
): Promise<T> {
  const { rootKeys, apiKeys } = context
  const { standardKeys } = custodyNeeds[custody]
  if (standardKeys)
    requireIbm(rootKey, `custody ${custody} (--custody; custody in the body) is for root keys`)
  if (apiKey !== undefined)
    requireIbm(rootKey, 'an API key (--ibm-api-key-file; ibmApiKey in the body) is for root keys')
  try {
    const access = { instanceId, ...(apiKey !== undefined && { apiKey }) }
    const used = isRootKeyFile(rootKey) ? await usedRootKeys(context) : []
    const { uri: rootKeyUri, warnings } = await rootKeys.prepare(rootKey, { standardKeys, used, ...access })
    if (apiKey === undefined) return await work({ rootKeyUri, warnings, writes: [], detail: {} })
    const detail = { ibmApiKey: 'given' }
    return await apiKeys.with({ instanceId, rootKeyUri, apiKey }, (writes) =>
      work({ rootKeyUri, warnings, writes, detail }),
    )
  } catch (error) {
    if (error instanceof RootKeyError)
      throw new Refusal('refused', error.message, undefined, { cause: error })
    throw error
  }
}

/** The URIs of the root keys that seal data keys. */
async function usedRootKeys({
  access,
  store,
}: Pick<RootKeyChangeParts, 'access' | 'store'>): Promise<string[]> {
  const used = new Set<string>()
  for (const { id } of await access.instances())
    for (const { rootKeyUri } of await store.dataKeys(id)) used.add(rootKeyUri)
  return [...used]
}

/** Whether the root key is in a service that can hold keys beside it, and that needs an API key. */
export function isIbm(rootKey: string): boolean {
  return /^(keyprotect|hpcs):/i.test(rootKey)
}

/** `what` begins the text of the refusal. */
export function requireIbm(rootKey: string, what: string): void {
  if (isIbm(rootKey)) return
  throw new Refusal(
    'bad-request',
    `${what} in Key Protect and HPCS, and this one is ${rootKey}`,
    'A root key there is named keyprotect://HOST/INSTANCE-GUID/KEY or hpcs://HOST/INSTANCE-GUID/KEY.',
  )
}
