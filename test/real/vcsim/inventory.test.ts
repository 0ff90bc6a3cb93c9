// The inventory of the real vcsim: all machines, in more than one page, a session that ends in between, and first-class disks.

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { keyRows } from '../../../src/features/vcenter/machines.ts'
import { systemClock } from '../../../src/host/system-clock.ts'
import { VsphereConnection } from '../../../src/outside/vsphere-api/connection.ts'
import { VsphereError } from '../../../src/outside/vsphere-api/errors.ts'
import { inventoryObjects } from '../../../src/outside/vsphere-api/inventory.ts'
import { openSession } from '../../../src/outside/vsphere-api/session.ts'
import { SoapClient } from '../../support/vcenter/client.ts'
import { reference, type Ref } from '../../support/vcenter/soap.ts'
import { startVcenter, type Vcenter } from '../../support/vcenter/vcenter.ts'
import { vcsimTestTimeoutMs } from '../../support/vcenter/vcsim.ts'
import { element, textAt, typed } from '../../support/vcenter/xml.ts'

test(
  'all machines come in pages, and again after a session that ended in between',
  { timeout: vcsimTestTimeoutMs },
  async (t) => {
    // 260 on a host, 260 in a cluster: more than one page.
    const vcenter = await startVcenter(t, { arguments: ['-vm', '260'] })
    if (!vcenter) return
    const session = await sessionAt(t, vcenter)
    const paths = ['name', 'config.template', 'config.keyId', 'runtime.powerState']
    const read = () => collect(inventoryObjects(session, { type: 'VirtualMachine', paths }))
    await vcenter.forgetCalls()
    const machines = await read()
    assert.equal(machines.length, 520)
    assert.equal(new Set(machines.map(({ ref }) => ref.id)).size, 520)
    for (const { ref, values, unreadable } of machines) {
      assert.equal(ref.type, 'VirtualMachine')
      assert.match(values.get('name')?.text ?? '', /^DC0_/)
      assert.equal(values.get('config.template')?.text, 'false')
      assert.equal(values.has('config.keyId'), false)
      assert.deepEqual(unreadable, [])
    }
    const pages = ['RetrievePropertiesEx', 'ContinueRetrievePropertiesEx']
    assert.deepEqual(await vcenter.calls(), [
      'CreatePropertyCollector',
      'CreateContainerView',
      ...pages,
      'DestroyPropertyCollector',
      'DestroyView',
    ])

    await vcenter.trouble({ on: 'ContinueRetrievePropertiesEx', kind: 'end-session' })
    await assert.rejects(
      read(),
      (error) => error instanceof VsphereError && error.fault === 'NotAuthenticated',
    )
    assert.equal((await read()).length, 520)
    await session.end()
  },
)

test(
  'first-class disks with keys are in the inventory, of a user who may list them on all datastores',
  { timeout: vcsimTestTimeoutMs },
  async (t) => {
    const vcenter = await startVcenter(t, { arguments: ['-vm', '1', '-ds', '2', '-autostart=false'] })
    if (!vcenter) return
    const client = await SoapClient.logIn(vcenter)
    const [first, second] = await client.find('Datastore')
    assert.ok(first && second)
    const ids = [
      await makeDisk(client, first, 'volume-1'),
      await makeDisk(client, second, 'volume "2"'),
      await makeDisk(client, second, 'not encrypted'),
    ]
    const [one = '', two = ''] = ids
    await vcenter.setDiskKey(one, { keyId: 'key-1', providerId: 'P' })
    await vcenter.setDiskKey(two, { keyId: 'key-2', providerId: 'P' })
    const session = await sessionAt(t, vcenter)
    const rows = async () => {
      const all = await collect(keyRows(session, new AbortController().signal))
      return all.toSorted((left, right) => left.key.localeCompare(right.key))
    }
    const expected = [
      { kind: 'disk', name: 'volume-1', machineId: one, disk: '', key: 'key-1', provider: 'P' },
      { kind: 'disk', name: 'volume "2"', machineId: two, disk: '', key: 'key-2', provider: 'P' },
    ]
    assert.deepEqual(await rows(), expected)

    await vcenter.trouble({ on: 'ListVStorageObject', kind: 'fault', fault: 'InvalidDatastore' })
    assert.equal((await rows()).length, 1, 'a datastore that vCenter cannot reach is left out')
    await vcenter.trouble({ on: 'RetrieveVStorageObject', kind: 'fault', fault: 'NotFound', times: 3 })
    assert.deepEqual(await rows(), [], 'a disk that is gone meanwhile has no key')
    for (const on of ['ListVStorageObject', 'RetrieveVStorageObject']) {
      await vcenter.trouble({ on, kind: 'fault', fault: 'FileFault' })
      await assert.rejects(rows(), (error) => error instanceof VsphereError && error.fault === 'FileFault')
    }

    const privilege = ['Datastore.FileManagement']
    await vcenter.lackPrivileges(privilege, second)
    await assert.rejects(
      rows(),
      (error) =>
        error instanceof VsphereError &&
        error.message.includes(`lacks Datastore.FileManagement on Datastore ${second.value}`),
    )
    await vcenter.lackPrivileges(privilege)
    assert.deepEqual(await rows(), [], 'a role for the machines alone')
    await vcenter.lackPrivileges([])
    await vcenter.lackPrivileges([], second)
    assert.deepEqual(await rows(), expected)
    await session.end()
  },
)

/** Returns its identifier. */
async function makeDisk(client: SoapClient, datastore: Ref, name: string): Promise<string> {
  const backing = typed('backingSpec', 'VslmCreateSpecDiskFileBackingSpec', [
    reference('datastore', datastore),
    element('provisioningType', 'thin'),
  ])
  const spec = element('spec', [element('name', name), backing, element('capacityInMB', 1)])
  const manager: Ref = { type: 'VcenterVStorageObjectManager', value: 'VStorageObjectManager' }
  const disk = await client.task('CreateDisk_Task', [spec], manager)
  return textAt(disk, 'config', 'id', 'id') ?? ''
}

async function sessionAt(t: TestContext, { host, port, shown, username: user, password }: Vcenter) {
  const trust = { fingerprint: shown.sha256 }
  const connection = new VsphereConnection({ address: { host, port }, trust, clock: systemClock })
  t.after(() => connection.close())
  return openSession(connection, { user, password: Buffer.from(password) })
}

async function collect<T>(values: AsyncIterable<T>): Promise<readonly T[]> {
  const all: T[] = []
  for await (const value of values) all.push(value)
  return all
}
