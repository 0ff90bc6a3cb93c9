// The root keys of a service instance, to choose from. Listing needs the IAM role Reader on the instance, or on a key ring
// that the URI names; a service ID that may use single keys only does not see them in a list.

import { readKey, type KeyResource } from './answers.ts'
import { keyPages } from './pages.ts'
import type { KeyProtectSession } from './session.ts'
import { formatKeyProtectUri, type KeyProtectUri } from './uri.ts'

const keyProtectListedKeysMax = 10_000

export interface ListedServiceKey extends ListedFields {
  /** To be given to an instance as its root key. */
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
      // Older instances do not know the query.
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
