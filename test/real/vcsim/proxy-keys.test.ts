// The proxy before vcsim and a real Mortise server: keys in use by machines, hosts and vSAN clusters, as strict as vCenter is.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keyRoutes } from '../../../src/features/keys/routes.ts'
import { providerId } from '../../support/vcenter/client.ts'
import { reference, refOf, VimFault, type Ref } from '../../support/vcenter/soap.ts'
import { keyIdElement, type KeyId } from '../../support/vcenter/vcsim-client.ts'
import { at, childrenOf, element, textAt } from '../../support/vcenter/xml.ts'
import { vcsimTestTimeoutMs } from '../../support/vcenter/vcsim.ts'
import { cryptoSpec, encrypt, ProxySite, rejectsWith } from './proxy-site.ts'

function proxyTest(
  name: string,
  run: (site: ProxySite) => Promise<void>,
  words: readonly string[] = [],
): void {
  test(name, { timeout: vcsimTestTimeoutMs }, async (t) => {
    const site = await ProxySite.start(t, { arguments: ['-vm', '1', '-autostart=false', ...words] })
    if (!site) return
    await site.connect()
    await run(site)
  })
}

const configSystem: Ref = { type: 'VsanVcClusterConfigSystem', value: 'vsan-cluster-config-system' }

proxyTest('a machine is encrypted with a key that is fetched, activated and labelled', async (site) => {
  const { mortise, vcenter } = site
  const vm = await site.firstVm()
  const key = { keyId: await site.newKey(), providerId: 'P' }
  assert.deepEqual(await status(site, key, 1), { available: 'false', reason: 'KeyStateNotActiveOrEnabled' })
  await encrypt(site, vm, 'CryptoSpecEncrypt', key)
  assert.deepEqual([...(await site.keys())], [[key.keyId, 'Active']])
  const shown = { instance: 'default', key: key.keyId }
  const { vsphere, fetches } = await mortise.admin.call(keyRoutes.showKey, shown)
  assert.equal(vsphere.component, 'Virtual Machine')
  assert.equal(fetches.times, 1)
  assert.deepEqual(await status(site, key, 3), { available: 'true', vms: [vm.value] })
  assert.deepEqual(await vcenter.violations(), [])
})

proxyTest('a machine is not encrypted with a key that the key server lacks', async (site) => {
  const vm = await site.firstVm()
  const missing = { keyId: 'no-such-key', providerId: 'P' }
  await rejectsWith('EncryptionKeyRequired', encrypt(site, vm, 'CryptoSpecEncrypt', missing))
  assert.equal((await site.client.properties(vm, 'config.keyId')).size, 0)
  assert.deepEqual(await status(site, missing, 1), { available: 'false', reason: 'KeyStateMissingInKMS' })
  const elsewhere = { ...missing, providerId: 'R' }
  assert.deepEqual(await status(site, elsewhere, 1), { available: 'false', reason: 'KeyStateClusterInvalid' })
})

proxyTest('a change of provider takes home and disks together, and a known provider', async (site) => {
  const vm = await site.firstVm()
  await encrypt(site, vm, 'CryptoSpecEncrypt', { keyId: await site.newKey(), providerId: 'P' })
  await site.connect('Q')
  const next = { keyId: await site.newKey('Q'), providerId: 'Q' }
  const home = { disks: false }
  await rejectsWith('InvalidArgument', encrypt(site, vm, 'CryptoSpecShallowRecrypt', next, home))
  const unknown = { ...next, providerId: 'R' }
  await rejectsWith('InvalidArgument', encrypt(site, vm, 'CryptoSpecShallowRecrypt', unknown))
  await encrypt(site, vm, 'CryptoSpecShallowRecrypt', next)
  // Within a provider the home alone may have another key.
  const last = { keyId: await site.newKey('Q'), providerId: 'Q' }
  await encrypt(site, vm, 'CryptoSpecShallowRecrypt', last, home)
  const keyId = (await site.client.properties(vm, 'config.keyId')).get('config.keyId')
  assert.equal(textAt(keyId, 'keyId'), last.keyId)
})

proxyTest(
  'a second change of a machine is refused while the first one runs',
  async (site) => {
    const vm = await site.firstVm()
    const key = { keyId: await site.newKey(), providerId: 'P' }
    const [spec] = await cryptoSpec(site, vm, 'CryptoSpecEncrypt', key)
    assert.ok(spec)
    // One is refused while the other one's keys are fetched.
    const both = await Promise.allSettled([
      site.client.call('ReconfigVM_Task', [spec], vm),
      site.client.call('ReconfigVM_Task', [spec], vm),
    ])
    const refusals = both.flatMap((one) => (one.status === 'rejected' ? [one.reason as VimFault] : []))
    assert.deepEqual(
      refusals.map(({ type }) => type),
      ['TaskInProgress'],
    )
    const [begun] = both.flatMap((one) => (one.status === 'fulfilled' ? one.value : []))
    const task = refOf(begun)
    assert.ok(task)
    // Another one is refused while vcsim's task runs.
    await assert.rejects(site.client.call('ReconfigVM_Task', [spec], vm), (error) => {
      assert.ok(error instanceof VimFault)
      assert.equal(error.type, 'TaskInProgress')
      assert.deepEqual(refOf(error.fields[0]), task)
      return true
    })
    await site.client.ended(task)
    const again = { keyId: await site.newKey(), providerId: 'P' }
    await encrypt(site, vm, 'CryptoSpecShallowRecrypt', again)
  },
  ['-method-delay', 'ReconfigVm:1500,LockHandoff:0'],
)

proxyTest('a place that names a provider alone gets a key that vCenter makes', async (site) => {
  const vm = await site.firstVm()
  await encrypt(site, vm, 'CryptoSpecEncrypt', { keyId: '', providerId: 'P' })
  const [[key, state] = []] = await site.keys()
  assert.equal(state, 'Active')
  const keyId = (await site.client.properties(vm, 'config.keyId')).get('config.keyId')
  assert.equal(textAt(keyId, 'keyId'), key)
})

proxyTest('vCenter forgets keys that no machine uses; Mortise keeps them', async (site) => {
  const { client } = site
  const vm = await site.firstVm()
  const used = { keyId: await site.newKey(), providerId: 'P' }
  const unused = { keyId: await site.newKey(), providerId: 'P' }
  await encrypt(site, vm, 'CryptoSpecEncrypt', used)
  const remove = (force: boolean) =>
    client.call('RemoveKeys', [
      keyIdElement('keys', used),
      keyIdElement('keys', unused),
      element('force', force),
    ])
  const listed = async () => (await client.call('ListKeys')).map((key) => textAt(key, 'keyId'))
  assert.deepEqual(new Set(await listed()), new Set([used.keyId, unused.keyId]))
  const failed = await remove(false)
  assert.deepEqual(
    failed.map((result) => textAt(result, 'keyId', 'keyId')),
    [used.keyId],
  )
  assert.deepEqual(await listed(), [used.keyId])
  assert.equal((await remove(true)).length, 0)
  assert.deepEqual(await listed(), [])
  assert.equal((await site.keys()).size, 2)
})

proxyTest(
  'a host is prepared, gets a key, and shows both; a locked machine is unlocked by its key',
  async (site) => {
    const { client, vcenter } = site
    const [host] = await client.find('HostSystem')
    assert.ok(host)
    const crypto = async () => {
      const values = await client.properties(host, 'runtime.cryptoState', 'runtime.cryptoKeyId')
      return [values.get('runtime.cryptoState')?.text, textAt(values.get('runtime.cryptoKeyId'), 'keyId')]
    }
    assert.deepEqual(await crypto(), ['incapable', undefined])
    await client.call('PrepareCrypto', [], host)
    assert.deepEqual(await crypto(), ['prepared', undefined])
    await client.call('ConfigureCryptoKey', [], host)
    const [[key, state] = []] = await site.keys()
    assert.equal(state, 'Active')
    assert.deepEqual(await crypto(), ['safe', key])
    const whole = (await client.properties(host, 'runtime')).get('runtime')
    assert.equal(textAt(whole, 'cryptoKeyId', 'keyId'), key)
    assert.equal(textAt(whole, 'connectionState'), 'connected')
    const hosts = await client.call('QueryCryptoKeyStatus', [
      keyIdElement('keyIds', { keyId: key ?? '', providerId: 'P' }),
      element('checkKeyBitMap', 4),
    ])
    assert.equal(textAt(hosts[0], 'affectedHosts'), host.value)

    const vm = await site.firstVm()
    const lock = async () =>
      (await client.properties(vm, 'runtime.cryptoState')).get('runtime.cryptoState')?.text
    await encrypt(site, vm, 'CryptoSpecEncrypt', { keyId: await site.newKey(), providerId: 'P' })
    await vcenter.lock(vm)
    assert.equal(await lock(), 'locked')
    await client.task('CryptoUnlock_Task', [], vm)
    assert.equal(await lock(), undefined)
    await rejectsWith('InvalidState', client.task('CryptoUnlock_Task', [], vm))
  },
)

proxyTest('a vSAN cluster is encrypted, rekeyed, and given another provider', async (site) => {
  const { client } = site
  const [cluster] = await client.find('ClusterComputeResource')
  assert.ok(cluster)
  const config = async () => {
    const [answer] = await client.call('VsanClusterGetConfig', [reference('cluster', cluster)], configSystem)
    const encryption = at(answer, 'dataEncryptionConfig')
    return {
      provider: textAt(encryption, 'kmsProviderId', 'id'),
      keys: [textAt(encryption, 'kekId'), textAt(encryption, 'hostKeyId')],
      generation: textAt(encryption, 'dekGenerationId'),
    }
  }
  const reconfigure = (provider: string) => {
    const encryption = [element('encryptionEnabled', true), providerId('kmsProviderId', provider)]
    const spec = element('vsanReconfigSpec', [
      element('dataEncryptionConfig', encryption),
      element('modify', true),
    ])
    return client.task('VsanClusterReconfig', [reference('cluster', cluster), spec], configSystem)
  }
  const rekey = (deep: boolean) =>
    client.task(
      'VsanEncryptedClusterRekey_Task',
      [reference('encryptedCluster', cluster), element('deepRekey', deep)],
      configSystem,
    )
  assert.equal((await config()).provider, undefined)
  await rejectsWith('InvalidState', rekey(false))
  await reconfigure('P')
  const first = await config()
  assert.deepEqual(new Set((await site.keys()).keys()), new Set(first.keys))
  assert.ok([...(await site.keys()).values()].every((state) => state === 'Active'))
  await rekey(false)
  const second = await config()
  assert.equal(second.generation, first.generation)
  assert.notDeepEqual(second.keys, first.keys)
  await rekey(true)
  assert.notEqual((await config()).generation, first.generation)
  await site.connect('Q')
  await reconfigure('Q')
  assert.equal((await config()).provider, 'Q')
  assert.equal((await site.keys()).size, 8)
})

// ---------------------------------------------------------------- What the tests share

async function status(site: ProxySite, key: KeyId, bits: number): Promise<object> {
  const [answer] = await site.client.call('QueryCryptoKeyStatus', [
    keyIdElement('keyIds', key),
    element('checkKeyBitMap', bits),
  ])
  const reason = textAt(answer, 'reason')
  const vms = childrenOf(answer, 'encryptedVMs').map(({ text }) => text)
  return {
    available: textAt(answer, 'keyAvailable'),
    ...(reason !== undefined && { reason }),
    ...(vms.length > 0 && { vms }),
  }
}
