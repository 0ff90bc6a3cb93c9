// keyprotect: and hpcs: URIs to what they name, for open.ts of the room.

import { RootKeyError } from '../../keys/ports.ts'
import { checkKeyProtectRootKey } from './check.ts'
import { listKeyProtectRootKeys, type ListedRootKey } from './list.ts'
import { openKeyProtectRootKey, type KeyProtectRootKey } from './root-key.ts'
import type { KeyProtectSessions } from './sessions.ts'
import { parseKeyProtectUri } from './uri.ts'

interface Where {
  readonly sessions: KeyProtectSessions
  /** Of Mortise, whose API key is used; null: the server itself. */
  readonly instanceId: string | null
}

/** Throws RootKeyError. */
export async function openKeyProtect(
  uri: string,
  { sessions, instanceId }: Where,
): Promise<KeyProtectRootKey> {
  const { key, ...target } = parseKeyProtectUri(uri)
  if (key === undefined)
    throw new RootKeyError(
      'root-key',
      `${uri} names no key. mortise root-key list --root-key ${uri} shows those that there are`,
    )
  const { onRewrapped } = sessions.options
  return openKeyProtectRootKey({
    session: sessions.session({ ...target, key }, instanceId),
    target: { ...target, key },
    ...(onRewrapped && { onRewrapped: (event) => onRewrapped({ ...event, instanceId }) }),
  })
}

/** The root key, and sentences for the administrator. Throws RootKeyError. */
export async function checkKeyProtect(uri: string, where: Where) {
  const rootKey = await openKeyProtect(uri, where)
  const warnings = await checkKeyProtectRootKey(rootKey, parseKeyProtectUri(uri))
  return { uri: rootKey.uri, id: rootKey.id, warnings }
}

/** A key that the URI names is not looked at: the list is of its instance. Throws RootKeyError. */
export async function listKeyProtect(
  uri: string,
  { sessions, instanceId }: Where,
): Promise<readonly ListedRootKey[]> {
  const target = parseKeyProtectUri(uri)
  return listKeyProtectRootKeys(sessions.session(target, instanceId), target)
}
