// Finds the key that a word of the command line names: by its id, or by the beginning of its id.

import type { AdminClient } from '../../../doors/http/client.ts'
import { Refusal } from '../../../base/refusal.ts'
import { batches } from '../../../doors/cli/text/list.ts'
import {
  candidatesMax,
  onlyOne,
  prefixCharactersMin,
  refuseEmpty,
  type Named,
} from '../../../doors/cli/text/names.ts'
import { keyRoutes } from '../routes.ts'

/** Keys are found by their whole id first: one of a million would take long to find by the beginning of its id. */
export async function findNamedKey(
  admin: AdminClient,
  instance: string,
  text: string,
  among: KeysAmong = {},
): Promise<string> {
  refuseEmpty('key', text)
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text)) return text
  try {
    return (await admin.call(keyRoutes.showKey, { instance, key: text })).id
  } catch (error) {
    if (!(error instanceof Refusal) || error.code !== 'not-found' || text.length < prefixCharactersMin)
      throw error
    const matches = await keysThatBeginWith(admin, instance, text, among)
    if (matches.length === 0) throw error
    return onlyOne('key', text, matches)
  }
}

/** Where to look for the beginning of an id; left out: among keys that are not destroyed. */
interface KeysAmong {
  readonly recoverable?: 'true'
}

async function keysThatBeginWith(
  admin: AdminClient,
  instance: string,
  text: string,
  among: KeysAmong,
): Promise<Named[]> {
  const read = async (query: { readonly limit: number; readonly after?: string }) => {
    const { keys, after } = await admin.call(keyRoutes.listKeys, {
      instance,
      query: { ...query, ...among, contains: text },
    })
    return { items: keys, after }
  }
  const matches: Named[] = []
  for await (const keys of batches(read, { limit: Number.POSITIVE_INFINITY })) {
    matches.push(...keys.filter(({ id }) => id.startsWith(text)))
    if (matches.length > candidatesMax) break
  }
  return matches
}

/** As a command finds the key that its word names. */
export function namedKey(
  admin: AdminClient,
  text: string,
  { instance = '' }: { readonly instance?: string },
): Promise<string> {
  return findNamedKey(admin, instance, text)
}
