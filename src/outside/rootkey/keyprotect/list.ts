// Lists the root keys of a service instance, among which an administrator chooses. This needs the IAM role Reader on the instance, or on a
// key ring that the URI names. A service ID that may use only single keys does not see them in a list.

import { readKey, type KeyResource } from './answers.ts'
import { keyPages } from './pages.ts'
import type { KeyProtectSession } from './session.ts'
import { formatKeyProtectUri, type KeyProtectUri } from './uri.ts'

const keyProtectListedKeysMax = 10_000

export interface ListedServiceKey extends ListedFields {
  /** The URI by which an instance of Mortise takes this key as its root key. */
  readonly uri: string
}

type ListedFields = Omit<KeyResource, 'description' | 'isDestroyed' | 'keyVersion' | 'payload'>

/** Lists the root keys that are not destroyed, by name. Throws RootKeyError. */
export async function listKeyProtectRootKeys(
  session: KeyProtectSession,
  target: KeyProtectUri,
): Promise<readonly ListedServiceKey[]> {
  const keys: ListedServiceKey[] = []
  let looked = 0
  const question = { keyRing: target.keyRing, query: { extractable: 'false' } }
  for await (const page of keyPages(session, 'list', question)) {
    for (const resource of page) {
      const key = readKey(resource)
      // Older service instances do not know the query `extractable`, and list standard keys too.
      if (key && !key.extractable) keys.push(listed(key, target))
    }
    looked += page.length
    if (looked >= keyProtectListedKeysMax) break
  }
  return keys.toSorted((a, b) => a.name.localeCompare(b.name, 'en'))
}

function listed(key: KeyResource, target: KeyProtectUri): ListedServiceKey {
  const { id, name, aliases, state, extractable, keyRing, createdAt, lastRotatedAt, expiresAt } = key
  const uri = formatKeyProtectUri({ ...target, key: id })
  return { uri, id, name, aliases, state, extractable, keyRing, createdAt, lastRotatedAt, expiresAt }
}
