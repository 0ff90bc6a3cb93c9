// Tries a root key from the machine of the server, with its configuration, before an instance gets it; and makes one on a token. Part
// of the composition root.

import type { Installation } from '../installation.ts'
import { systemClock } from '../system-clock.ts'
import { checkRootKey, createRootKey, type CheckedRootKey } from '../../outside/rootkey/open.ts'
import { openRootKeyServices } from './root-key-opening.ts'

/** Throws RootKeyError and StartError. */
export async function tryRootKey(
  { config, log }: Installation,
  { uri, create }: { readonly uri: string; readonly create: boolean },
): Promise<CheckedRootKey> {
  await using opened = new AsyncDisposableStack()
  const { opening } = await openRootKeyServices(config, { clock: systemClock, log }, opened)
  const options = { ...opening, create: false }
  if (create) await createRootKey(uri, options)
  return await checkRootKey(uri, options)
}
