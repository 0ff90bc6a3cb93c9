// Privileges that the user of the proxy lacks: the questions say so, and what needs them is refused.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { providerId, SoapClient } from '../../support/vcenter/client.ts'
import { reference, VimFault, type Ref } from '../../support/vcenter/soap.ts'
import { startVcenter, type Vcenter } from '../../support/vcenter/vcenter.ts'
import { vcsimTestTimeoutMs } from '../../support/vcenter/vcsim.ts'
import { childrenOf, element, textAt } from '../../support/vcenter/xml.ts'
import { rejectsWith } from './proxy-site.ts'

function privilegeTest(name: string, run: (vcenter: Vcenter, client: SoapClient) => Promise<void>): void {
  test(name, { timeout: vcsimTestTimeoutMs }, async (t) => {
    const vcenter = await startVcenter(t, { arguments: ['-vm', '0'] })
    if (vcenter) await run(vcenter, await SoapClient.logIn(vcenter))
  })
}

const manager: Ref = { type: 'AuthorizationManager', value: 'AuthorizationManager' }
const rootFolder: Ref = { type: 'Folder', value: 'group-d1' }
const servers = 'Cryptographer.ManageKeyServers'
const keys = 'Cryptographer.ManageKeys'
const registerHost = 'Cryptographer.RegisterHost'
const all = [servers, keys, registerHost]

privilegeTest('each question says which privileges the user lacks', async (vcenter, client) => {
  assert.deepEqual(await granted(vcenter, client, rootFolder), everyWay(all))
  await vcenter.lackPrivileges([servers])
  assert.deepEqual(await granted(vcenter, client, rootFolder), everyWay([keys, registerHost]))
  const [host] = await client.find('HostSystem')
  assert.ok(host)
  await vcenter.lackPrivileges([registerHost], host)
  assert.deepEqual(await granted(vcenter, client, host), everyWay([keys]))
  assert.deepEqual(await granted(vcenter, client, rootFolder), everyWay([keys, registerHost]))
  await vcenter.lackPrivileges([])
  await vcenter.lackPrivileges([], host)
  assert.deepEqual(await granted(vcenter, client, host), everyWay(all))
})

privilegeTest('what needs a privilege is refused without it', async (vcenter, client) => {
  const list = () => client.call('ListKmipServers')
  const prepare = (host: Ref) => client.call('PrepareCrypto', [], host)
  const [host, other] = await client.find('HostSystem')
  assert.ok(host && other)
  await list()
  await vcenter.lackPrivileges([servers])
  await lacks(servers, rootFolder, list())
  await lacks(servers, rootFolder, client.call('RetrieveClientCert', [providerId('cluster', 'P')]))
  assert.deepEqual(await client.call('ListKeys'), [])
  await vcenter.lackPrivileges([keys])
  await list()
  await lacks(keys, rootFolder, client.call('ListKeys'))
  await vcenter.lackPrivileges([registerHost], host)
  await lacks(registerHost, host, prepare(host))
  await prepare(other)
  // A session that has ended is no question of privileges.
  await vcenter.endSessions()
  await rejectsWith('NotAuthenticated', client.call('ListKeys'))
})

async function lacks(privilege: string, object: Ref, work: Promise<unknown>): Promise<void> {
  await assert.rejects(work, (error) => {
    assert.ok(error instanceof VimFault, String(error))
    assert.equal(error.type, 'NoPermission')
    const [on, first, missing] = error.fields
    assert.deepEqual([on?.text, first?.text], [object.value, privilege])
    assert.deepEqual([textAt(missing, 'entity'), textAt(missing, 'privilegeIds')], [object.value, privilege])
    return true
  })
}

function everyWay(ids: readonly string[]) {
  return { byEntities: ids, byUser: ids, byEntity: ids, fetched: ids }
}

/** Which of the privileges are granted on an object, by each method that says so. */
async function granted({ username }: Vcenter, client: SoapClient, on: Ref) {
  const ids = all.map((id) => element('privId', id))
  const session = element('sessionId', 'any')
  const user = element('userName', username)
  const ask = async (method: string, parameters: Parameters<SoapClient['call']>[1]) => {
    const [value] = await client.call(method, parameters, manager)
    return childrenOf(value, 'privAvailability').flatMap((one) =>
      textAt(one, 'isGranted') === 'true' ? [textAt(one, 'privId') ?? ''] : [],
    )
  }
  const flags = await client.call('HasPrivilegeOnEntity', [reference('entity', on), session, ...ids], manager)
  const whole = [reference('entities', on), user]
  const [fetched] = await client.call('FetchUserPrivilegeOnEntities', whole, manager)
  const held = childrenOf(fetched, 'privileges').map(({ text }) => text)
  return {
    byEntities: await ask('HasPrivilegeOnEntities', [reference('entity', on), session, ...ids]),
    byUser: await ask('HasUserPrivilegeOnEntities', [...whole, ...ids]),
    byEntity: all.filter((_, index) => flags[index]?.text === 'true'),
    fetched: all.filter((id) => held.includes(id)),
  }
}
