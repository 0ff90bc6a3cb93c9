// The encryption states of hosts and of locked machines, which vcsim does not simulate.

import { own, type Methods, type SoapCall } from './calls.ts'
import { fetchKey, makeKey, type KeyServices } from './keys.ts'
import { invalidArgument, reference, VimFault, type Ref } from './soap.ts'
import { keyIdOf, type KeyId } from './vcsim-client.ts'
import { at } from './xml.ts'

/** `incapable` is the state of a new host. */
export type CryptoState = 'incapable' | 'prepared' | 'safe' | 'pendingIncapable'

export interface HostCrypto {
  state: CryptoState
  key: KeyId | undefined
}

/** The hosts' states and keys, and the machines that are locked since their host lacks a key. */
export class HostKeys {
  readonly #hosts = new Map<string, HostCrypto>()
  readonly locked = new Set<string>()

  of({ value }: Ref): HostCrypto {
    const known = this.#hosts.get(value)
    if (known) return known
    const made: HostCrypto = { state: 'incapable', key: undefined }
    this.#hosts.set(value, made)
    return made
  }

  set({ value }: Ref, state: CryptoState, key?: KeyId): void {
    this.#hosts.set(value, { state, key })
  }

  lock({ value }: Ref, isLocked: boolean): void {
    if (isLocked) this.locked.add(value)
    else this.locked.delete(value)
  }

  hostsWith({ keyId, providerId }: KeyId): readonly Ref[] {
    return [...this.#hosts]
      .filter(([, { key }]) => key?.keyId === keyId && key.providerId === providerId)
      .map(([value]) => ({ type: 'HostSystem', value }))
  }
}

interface HostServices extends KeyServices {
  readonly hostKeys: HostKeys
}

export function hostMethods(services: HostServices): Methods {
  const { vcsim, hostKeys } = services
  return {
    PrepareCrypto: own(async ({ self }) => {
      await vcsim.nameOf(self)
      if (hostKeys.of(self).state === 'incapable') hostKeys.set(self, 'prepared')
      return []
    }),
    // The key comes in the clear: the caller got it from a key server.
    EnableCrypto: own(async ({ self, request }) => {
      const key = keyIdOf(at(request, 'keyPlain', 'keyId'))
      if (!key) throw invalidArgument('keyPlain', 'A key is missing.')
      if (hostKeys.of(self).state === 'incapable')
        throw new VimFault('InvalidState', 'The host is not prepared for encryption.')
      hostKeys.set(self, 'safe', key)
      return []
    }),
    ConfigureCryptoKey: own(async (call) => {
      await configureKey(services, call)
      return []
    }),
    CryptoUnlock_Task: own(async ({ self }) => {
      const vm = await vcsim.vm(self)
      const unlock = async () => {
        if (!hostKeys.locked.has(self.value)) throw new VimFault('InvalidState', 'The machine is not locked.')
        for (const key of [vm.home, ...vm.disks.map(({ keyId }) => keyId)])
          if (key) await fetchKey(services, key)
        hostKeys.lock(self, false)
        return undefined
      }
      return [reference('returnval', await vcsim.task(self, unlock))]
    }),
  }
}

/** Without a key in the request, vCenter makes one at the default provider. */
async function configureKey(services: HostServices, { self, request }: SoapCall): Promise<void> {
  const { vcsim, providers, keyServers, hostKeys } = services
  const name = await vcsim.nameOf(self)
  let key = keyIdOf(at(request, 'keyId'))
  if (!key) {
    const provider = await providers.lookUp(undefined)
    if (!provider) throw new VimFault('RuntimeFault', 'There is no default key provider.')
    key = await makeKey(services, provider)
  }
  const provider = await fetchKey(services, key)
  hostKeys.set(self, 'safe', key)
  await keyServers.note(provider, key.keyId, { uuid: self.value, component: 'ESXi Server', name })
}
