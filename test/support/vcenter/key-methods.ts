// The methods of CryptoManagerKmip about keys. A key is made at a key server by KMIP; vCenter itself stores identifiers alone.

import { isNotFound, KmipRefused } from '../../../src/outside/kmip-client/errors.ts'
import { own, type Methods, type SoapCall } from './calls.ts'
import type { HostKeys } from './hosts.ts'
import { isKeyServerError } from './key-servers.ts'
import { makeKey, type KeyServices } from './keys.ts'
import type { KeyProvider } from './providers.ts'
import { invalidArgument, localizedFault, reference, VimFault } from './soap.ts'
import { keyIdElement, keyIdOf, type EncryptedVm, type KeyId } from './vcsim-client.ts'
import { at, childrenOf, element, optional, textAt, type Xml } from './xml.ts'

interface KeyMethodServices extends KeyServices {
  readonly hostKeys: HostKeys
}

export function keyMethods(services: KeyMethodServices): Methods {
  const { known, providers } = services
  return {
    GenerateKey: own(async ({ request }) => {
      const id = textAt(request, 'keyProvider', 'id')
      const provider = await (id === undefined ? providers.lookUp(id) : providers.get(id, 'keyProvider'))
      if (!provider) throw new VimFault('RuntimeFault', 'There is no default key provider.')
      return [await generateKey(services, provider)]
    }),
    ListKeys: own(async ({ request }) => {
      const limit = Number(textAt(request, 'limit') ?? Infinity)
      return [...known.values()].slice(0, limit).map((key) => keyIdElement('returnval', key))
    }),
    AddKey: own(async ({ request }) => {
      const key = requiredKeyId(at(request, 'key', 'keyId'), 'key.keyId')
      known.set(key.keyId, key)
      return []
    }),
    RemoveKey: own(async (call) => {
      const key = requiredKeyId(at(call.request, 'key'), 'key')
      if ((await removed(services, [key], isForced(call)))[0]?.isUsed) throw inUse(key)
      return []
    }),
    RemoveKeys: own(async (call) => {
      const keys = childrenOf(call.request, 'keys').map((key) => requiredKeyId(key, 'keys'))
      const results = await removed(services, keys, isForced(call))
      return results.filter(({ isUsed }) => isUsed).map(({ key }) => failure(key, inUse(key)))
    }),
    QueryCryptoKeyStatus: own(async ({ request }) => {
      const keys = childrenOf(request, 'keyIds').map((key) => requiredKeyId(key, 'keyIds'))
      const bits = Number(textAt(request, 'checkKeyBitMap'))
      const vms = (bits & checkBits.vms) === 0 ? [] : await services.vcsim.encryptedVms()
      return Promise.all(keys.map((key) => keyStatus(services, key, bits, vms)))
    }),
  }
}

const checkBits = { available: 1, vms: 2, hosts: 4 } as const

function requiredKeyId(xml: Xml | undefined, property: string): KeyId {
  const key = keyIdOf(xml)
  if (!key) throw invalidArgument(property, 'A key identifier is missing.')
  return key
}

// ---------------------------------------------------------------- Making and removing

/** CryptoKeyResult. A key server that fails is no fault of the method. */
async function generateKey(services: KeyServices, provider: KeyProvider): Promise<Xml> {
  try {
    const key = await makeKey(services, provider)
    return element('returnval', [keyIdElement('keyId', key), element('success', true)])
  } catch (error) {
    if (!(error instanceof VimFault)) throw error
    return failure({ keyId: '', providerId: provider.id }, error)
  }
}

function failure(key: KeyId, fault: VimFault): Xml {
  return element('returnval', [
    keyIdElement('keyId', key),
    element('success', false),
    element('reason', fault.message),
    localizedFault('fault', fault),
  ])
}

function isForced({ request }: SoapCall): boolean {
  return textAt(request, 'force') === 'true'
}

/** Forgets the keys that no machine uses, or all with `force`. Nothing happens at the key server. */
async function removed({ vcsim, known }: KeyServices, keys: readonly KeyId[], force: boolean) {
  const vms = force ? [] : await vcsim.encryptedVms()
  return keys.map((key) => {
    const isUsed = vms.some((vm) => uses(vm, key))
    if (!isUsed) known.delete(key.keyId)
    return { key, isUsed }
  })
}

function inUse({ keyId }: KeyId): VimFault {
  return new VimFault('ResourceInUse', `The key ${keyId} is in use.`, [
    element('type', 'CryptoKey'),
    element('name', keyId),
  ])
}

function uses({ home, disks }: EncryptedVm, key: KeyId): boolean {
  return [home, ...disks.map(({ keyId }) => keyId)].some(
    (one) => one?.keyId === key.keyId && one.providerId === key.providerId,
  )
}

// ---------------------------------------------------------------- Status

/** CryptoManagerKmipCryptoKeyStatus. */
async function keyStatus(
  services: KeyMethodServices,
  key: KeyId,
  bits: number,
  vms: readonly EncryptedVm[],
): Promise<Xml> {
  const isAsked = (bits & checkBits.available) !== 0
  const reason = isAsked ? await unavailability(services, key) : undefined
  const hosts = (bits & checkBits.hosts) === 0 ? [] : services.hostKeys.hostsWith(key)
  return element('returnval', [
    keyIdElement('keyId', key),
    optional('keyAvailable', isAsked ? reason === undefined : undefined),
    optional('reason', reason),
    ...vms.filter((vm) => uses(vm, key)).map(({ ref }) => reference('encryptedVMs', ref)),
    ...hosts.map((ref) => reference('affectedHosts', ref)),
  ])
}

/** Why a key is not available, by the key server; undefined if it is. */
async function unavailability(
  { providers, keyServers }: KeyServices,
  key: KeyId,
): Promise<string | undefined> {
  const provider = await providers.lookUp(key.providerId)
  if (!provider) return 'KeyStateClusterInvalid'
  try {
    const state = await keyServers.stateOf(provider, key.keyId)
    return state === 'Active' ? undefined : 'KeyStateNotActiveOrEnabled'
  } catch (error) {
    if (!isKeyServerError(error)) throw error
    if (!(error instanceof KmipRefused)) return 'KeyStateClusterUnreachable'
    return isNotFound(error) ? 'KeyStateMissingInKMS' : 'NoPermissionToAccessKeyProvider'
  }
}
