// Keys as the proxy makes and fetches them at key servers. Machines, hosts and vSAN clusters use them (recrypt.ts, hosts.ts,
// vsan-methods.ts).

import { isKeyServerError, type KeyServers } from './key-servers.ts'
import type { KeyProvider, Providers } from './providers.ts'
import { invalidArgument, VimFault } from './soap.ts'
import { keyIdElement, type KeyId, type VcsimClient } from './vcsim-client.ts'

export interface KeyServices {
  readonly vcsim: VcsimClient
  readonly providers: Providers
  readonly keyServers: KeyServers
  /** The keys that vCenter knows, by identifier. */
  readonly known: Map<string, KeyId>
}

/** Makes a key, which vCenter then knows. Rejects with VimFault if no server makes one. */
export async function makeKey(
  { keyServers, known }: Pick<KeyServices, 'keyServers' | 'known'>,
  provider: KeyProvider,
): Promise<KeyId> {
  try {
    const key = { keyId: await keyServers.makeKey(provider), providerId: provider.id }
    known.set(key.keyId, key)
    return key
  } catch (error) {
    throw isKeyServerError(error) ? new VimFault('RuntimeFault', error.message) : error
  }
}

/** Has a host fetch a key. Returns its provider. Rejects with VimFault if there is no such provider or no key. */
export async function fetchKey(
  { providers, keyServers }: Pick<KeyServices, 'providers' | 'keyServers'>,
  key: KeyId,
): Promise<KeyProvider> {
  const provider = await requiredProvider(providers, key.providerId)
  try {
    await keyServers.fetchKey(provider, key.keyId)
    return provider
  } catch (error) {
    if (!isKeyServerError(error)) throw error
    throw new VimFault('EncryptionKeyRequired', error.message, [keyIdElement('requiredKey', key)])
  }
}

/** The provider that a key names, or the default one. Rejects with VimFault if there is none. */
export async function requiredProvider(providers: Providers, id: string | undefined): Promise<KeyProvider> {
  const provider = await providers.lookUp(id)
  if (!provider) throw invalidArgument('providerId', `There is no key provider ${id ?? ''}.`)
  return provider
}
