// The inventory of the real vcsim: all machines, in more than one page, and a session that ends in between.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../../src/host/system-clock.ts'
import { VsphereConnection } from '../../../src/outside/vsphere-api/connection.ts'
import { VsphereError } from '../../../src/outside/vsphere-api/errors.ts'
import { inventoryObjects } from '../../../src/outside/vsphere-api/inventory.ts'
import { openSession } from '../../../src/outside/vsphere-api/session.ts'
import { startVcenter } from '../../support/vcenter/vcenter.ts'
import { vcsimTestTimeoutMs } from '../../support/vcenter/vcsim.ts'

test(
  'all machines come in pages, and again after a session that ended in between',
  { timeout: vcsimTestTimeoutMs },
  async (t) => {
    // 260 on a host, 260 in a cluster: more than one page.
    const vcenter = await startVcenter(t, { arguments: ['-vm', '260'] })
    if (!vcenter) return
    const { host, port, shown, username: user, password } = vcenter
    const trust = { fingerprint: shown.sha256 }
    const connection = new VsphereConnection({ address: { host, port }, trust, clock: systemClock })
    t.after(() => connection.close())
    const session = await openSession(connection, { user, password: Buffer.from(password) })
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

async function collect<T>(values: AsyncIterable<T>): Promise<readonly T[]> {
  const all: T[] = []
  for await (const value of values) all.push(value)
  return all
}
