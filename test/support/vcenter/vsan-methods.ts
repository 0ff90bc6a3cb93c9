// Encryption of vSAN clusters, which vcsim does not simulate: two keys of a cluster, fetched as hosts fetch them, and their change.

import { isSuccess, own, passed, requiredRef, type Methods, type PassedAnswer } from './calls.ts'
import { fetchKey, makeKey, type KeyServices } from './keys.ts'
import type { KeyProvider } from './providers.ts'
import { reference, VimFault, type Ref } from './soap.ts'
import { at, changed, element, localName, textAt, type Xml } from './xml.ts'

/** The encryption of a cluster. */
interface VsanCrypto {
  readonly providerId: string
  readonly kekId: string
  readonly hostKeyId: string
  /** Counts the changes of the disks' own keys. */
  readonly dekGeneration: number
}

export function vsanMethods(services: KeyServices): Methods {
  const { vcsim, providers } = services
  const clusters = new Map<string, VsanCrypto>()
  const changing = new Set<string>()
  const withChange = async (
    cluster: Ref,
    work: () => Promise<VsanCrypto | undefined>,
  ): Promise<undefined> => {
    if (changing.has(cluster.value)) throw new VimFault('InvalidState', 'The cluster is changing its keys.')
    changing.add(cluster.value)
    try {
      const crypto = await work()
      if (crypto) clusters.set(cluster.value, crypto)
      else clusters.delete(cluster.value)
    } finally {
      changing.delete(cluster.value)
    }
  }
  return {
    VsanClusterGetConfig: passed(async (call) => {
      const answer = await call.pass()
      const { value } = requiredRef(call, 'cluster')
      const crypto = clusters.get(value)
      return isSuccess(answer) && crypto ? withEncryption(answer, crypto, changing.has(value)) : answer
    }),
    // Another provider means new keys, which wrap the disks' keys again.
    VsanClusterReconfig: passed(async (call) => {
      const config = at(call.request, 'vsanReconfigSpec', 'dataEncryptionConfig')
      if (!config) return call.pass()
      const cluster = requiredRef(call, 'cluster')
      const id = textAt(config, 'kmsProviderId', 'id')
      const before = clusters.get(cluster.value)
      const reconfigure = async (): Promise<VsanCrypto | undefined> => {
        if (textAt(config, 'encryptionEnabled') !== 'true') return undefined
        const provider = await providers.get(
          id ?? before?.providerId ?? '',
          'dataEncryptionConfig.kmsProviderId',
        )
        if (provider.id === before?.providerId) return before
        return { ...(await makeKeys(services, provider)), dekGeneration: before?.dekGeneration ?? 1 }
      }
      return [reference('returnval', await vcsim.task(cluster, () => withChange(cluster, reconfigure)))]
    }),
    VsanEncryptedClusterRekey_Task: own(async (call) => {
      const cluster = requiredRef(call, 'encryptedCluster')
      const isDeep = textAt(call.request, 'deepRekey') === 'true'
      const rekey = async (): Promise<VsanCrypto> => {
        const before = clusters.get(cluster.value)
        if (!before) throw new VimFault('InvalidState', 'The cluster is not encrypted.')
        const provider = await providers.get(before.providerId, 'encryptedCluster')
        const dekGeneration = before.dekGeneration + (isDeep ? 1 : 0)
        return { ...(await makeKeys(services, provider)), dekGeneration }
      }
      return [reference('returnval', await vcsim.task(cluster, () => withChange(cluster, rekey)))]
    }),
  }
}

/** Makes the key that encrypts the disks' keys, and the one for core dumps; a host fetches both. */
async function makeKeys(
  services: KeyServices,
  provider: KeyProvider,
): Promise<Pick<VsanCrypto, 'providerId' | 'kekId' | 'hostKeyId'>> {
  const make = async (): Promise<string> => {
    const key = await makeKey(services, provider)
    await fetchKey(services, key)
    return key.keyId
  }
  return { providerId: provider.id, kekId: await make(), hostKeyId: await make() }
}

/** The fields of VsanConfigInfoEx that stand before dataEncryptionConfig in its schema are those of vcsim's answer. */
function withEncryption(answer: PassedAnswer, crypto: VsanCrypto, isChanging: boolean): PassedAnswer {
  const config: Xml = element('dataEncryptionConfig', [
    element('encryptionEnabled', true),
    element('kmsProviderId', [element('id', crypto.providerId)]),
    element('kekId', crypto.kekId),
    element('hostKeyId', crypto.hostKeyId),
    element('dekGenerationId', crypto.dekGeneration),
    element('changing', isChanging),
  ])
  const body = changed(answer.body, (child) =>
    localName(child) === 'returnval' ? { ...child, children: [...child.children, config] } : child,
  )
  return { ...answer, body }
}
