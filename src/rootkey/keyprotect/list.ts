// The root keys of a service instance, to choose from. What it takes of IAM is the role Reader on the instance, or on
// a key ring that the URI names; who may use single keys only does not see them in a list.

import { limits } from '../../limits.ts'
import { readKeys, type KeyMetadata } from './key-metadata.ts'
import { notUnderstood } from './root-key.ts'
import type { Session } from './session.ts'
import { formatKeyProtectUri, type KeyProtectUri } from './uri.ts'

export interface ListedRootKey extends KeyMetadata {
  /** To be given to an instance as its root key. */
  readonly uri: string
}

/** Those that are not destroyed, by name. Throws RootKeyError. */
export async function listKeyProtectRootKeys(
  session: Session,
  target: KeyProtectUri,
): Promise<readonly ListedRootKey[]> {
  const found = new Map<string, ListedRootKey>()
  for (let offset = 0; offset < limits.keyProtectListedKeysMax; offset += limits.keyProtectPageKeys) {
    const { json } = await session.call('list', {
      keyRing: target.keyRing,
      query: { limit: `${limits.keyProtectPageKeys}`, offset: `${offset}`, extractable: 'false' },
    })
    const page = readKeys(json)
    if (!page) throw notUnderstood(session, 'list')
    for (const key of page)
      // Older instances do not know the query.
      if (!key.extractable)
        found.set(key.id, { ...key, uri: formatKeyProtectUri({ ...target, key: key.id }) })
    if (page.length < limits.keyProtectPageKeys) break
  }
  return [...found.values()].toSorted((a, b) => a.name.localeCompare(b.name, 'en'))
}
