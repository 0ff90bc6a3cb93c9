// Keys are counted by the state that they have now, in status, in `instance show`, in the metric and in the list of
// keys, as Get Attributes tells it: a date that was reached counts, though nothing was written when it was.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { metricIn } from '../support/server/metrics.ts'
import { clientCertificate } from '../support/certificates/certificates.ts'
import { attribute, openSession } from '../support/clients/kmip-session.ts'
import { startInProcess } from '../support/server/running.ts'
import { instanceRoutes } from '../../src/features/instances/routes.ts'
import { keyRoutes } from '../../src/features/keys/routes.ts'
import { statusRoutes } from '../../src/features/status/routes.ts'

const hour = 3600n

test('a key whose Activation Date is past is counted Active, and Deactivated after its Deactivation Date', async () => {
  await using server = await startInProcess()
  const identity = await clientCertificate('self-signed')
  await server.trust('vcenter', identity)
  using session = await openSession(server.port, identity)
  const now = BigInt(Math.floor(Date.now() / 1000))
  const create = async (dates: Readonly<Record<string, bigint>>) => {
    const attributes = Object.entries(dates).map(([name, value]) => attribute(name, value))
    return (await session.values('1.4', await session.key('1.4', attributes), 'State'))[0]
  }
  const states = [
    await create({}),
    await create({ 'Activation Date': now - hour }),
    await create({ 'Activation Date': now + hour }),
    await create({ 'Activation Date': now - hour, 'Deactivation Date': now - 60n }),
    await create({ 'Activation Date': now - hour, 'Deactivation Date': now + hour }),
  ]
  assert.deepEqual(states, ['PreActive', 'Active', 'PreActive', 'Deactivated', 'Active'])
  const counts = { Active: 2, Deactivated: 1, PreActive: 2 }
  const { instances } = await server.admin.call(statusRoutes.status)
  assert.deepEqual(instances[0]?.objects, counts)
  assert.deepEqual(
    (await server.admin.call(instanceRoutes.showInstance, { instance: 'default' })).objects,
    counts,
  )
  const metrics = await server.admin.call(statusRoutes.metrics)
  for (const [state, count] of Object.entries(counts))
    assert.equal(metricIn(metrics, `mortise_objects{state="${state}"}`), count)
  for (const [state, count] of Object.entries(counts)) {
    const query = { state: state as 'Active', limit: 10 }
    const { keys } = await server.admin.call(keyRoutes.listKeys, { instance: 'default', query })
    assert.equal(keys.length, count)
  }
})
