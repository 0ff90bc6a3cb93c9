// Somebody who can write the database puts the sealed material of one key in the place of another, or alters it. Nothing of it is
// served, and an alarm says so: in the log, as a number, and in status until the key opens again.

import assert from 'node:assert/strict'
import path from 'node:path'
import { test } from 'node:test'
import { metricIn } from '../support/server/metrics.ts'
import { clientCertificate } from '../support/certificates/certificates.ts'
import { openSession } from '../support/clients/kmip-session.ts'
import { startInProcess, type RunningServer } from '../support/server/running.ts'
import { edit, look } from '../support/server/core.ts'
import { statusRoutes } from '../../src/features/status/routes.ts'

interface Line {
  readonly level: string
  readonly message: string
  readonly alarm?: string
  readonly object?: string
}

function alarmsIn({ log }: RunningServer): readonly Line[] {
  return log.map((line) => JSON.parse(line) as Line).filter(({ alarm }) => alarm === 'tampering')
}

async function told({ admin }: RunningServer) {
  const { conditions } = await admin.call(statusRoutes.status)
  const metrics = await admin.call(statusRoutes.metrics)
  return {
    warnings: conditions.filter(({ id }) => id === 'tampering').map(({ message }) => message),
    alarms: metricIn(metrics, 'mortise_tampering_alarms'),
  }
}

test('swapped and altered material raises an alarm for each time that it does not open', async () => {
  await using server = await startInProcess()
  const identity = await clientCertificate('self-signed')
  await server.trust('vcenter', identity)
  using session = await openSession(server.port, identity)
  const file = path.join(server.data, 'mortise.db')
  const get = (UniqueIdentifier: string) =>
    session.one('1.4', { operation: 'Get', request: { UniqueIdentifier } })
  const [one, other] = [await session.key('1.4'), await session.key('1.4')]
  const sealed = (id: string) => {
    const [row] = look(
      file,
      'SELECT m.id, m.sealed FROM objects o JOIN material m ON m.id = o.material WHERE unique_identifier = ?',
      id,
    )
    return { row: Number(row?.['id']), bytes: Buffer.from(row?.['sealed'] as Uint8Array) }
  }
  const put = (row: number, bytes: Uint8Array) =>
    edit(file, 'UPDATE material SET sealed = ? WHERE id = ?', bytes, row)
  const [first, second] = [sealed(one), sealed(other)]
  assert.deepEqual(await told(server), { warnings: [], alarms: 0 })

  put(first.row, second.bytes)
  for (let asked = 0; asked < 2; asked++) {
    const { reason, message } = await get(one)
    assert.equal(reason, 'GeneralFailure')
    assert.match(message ?? '', /altered/)
  }
  const [line, ...more] = alarmsIn(server)
  assert.deepEqual(
    [line?.level, line?.object, more],
    ['error', one, []],
    'one line, however often it is asked for',
  )
  const { warnings, alarms } = await told(server)
  assert.equal(alarms, 2)
  assert.equal(warnings.length, 1)
  assert.match(warnings[0] ?? '', new RegExp(`a key of the instance default does not open.*altered.*${one}`))

  const bytes = Buffer.from(second.bytes)
  bytes[20] = (bytes[20] ?? 0) ^ 1
  put(second.row, bytes)
  assert.equal((await get(other)).status, 'OperationFailed')
  assert.equal(alarmsIn(server).length, 2)
  assert.match((await told(server)).warnings[0] ?? '', /2 keys of the instance default do not open/)

  put(first.row, first.bytes)
  put(second.row, second.bytes)
  assert.equal((await get(one)).status, 'Success')
  assert.equal((await told(server)).warnings.length, 1)
  await session.ask('1.4', 'Destroy', { UniqueIdentifier: other })
  assert.deepEqual(await told(server), { warnings: [], alarms: 3 })
})
