// Root keys as the server opens them: whatever the keys behind them can do is passed on, and each call is measured.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { serverRootKeys } from '../../../src/host/root-keys/root-keys.ts'
import { createMetrics } from '../../../src/outside/telemetry/metrics.ts'
import { FaultyRootKey } from '../../support/root-keys/faulty-root-key.ts'
import { reaches } from '../../support/root-keys/rootkey-contract.ts'
import { standardKeysContract, uniqueName } from '../../support/root-keys/standard-keys-contract.ts'
import { noTraces } from '../../../src/outside/telemetry/traces.ts'
import { systemClock } from '../../../src/host/system-clock.ts'

const own = new FaultyRootKey()
const metrics = createMetrics()
const rootKeys = serverRootKeys({
  own,
  opening: { dataFolder: '/nowhere' },
  speaksForItself: () => Promise.resolve(false),
  metrics,
  traces: noTraces,
  clock: systemClock,
  warn: (message) => assert.fail(message),
})

standardKeysContract('as the server opens it', {
  open: () => rootKeys.open(own.uri, 'default'),
  rotate: () => Promise.resolve(own.rotate()),
})

test('each call is counted with how it ended', async () => {
  metrics.rootKeyCalls.reset()
  const rootKey = await rootKeys.open(own.uri, 'default')
  const { versions, standardKeys } = rootKey
  assert.ok(versions && standardKeys)
  const place = Buffer.from('place')
  const wrapped = await rootKey.wrap(Buffer.from('x'), place)
  await rootKey.unwrap(wrapped, place)
  await versions.rewrap(wrapped, place)
  await versions.newest()
  const name = uniqueName()
  const id = await standardKeys.create({ name, description: 'mortise 1 test', payload: wrapped })
  await standardKeys.read(id)
  await standardKeys.find(name)
  await standardKeys.remove(id)
  await assert.rejects(standardKeys.read(id), reaches('wrapped-form'))
  const { values } = await metrics.rootKeyCalls.get()
  const counted = values
    .filter(({ metricName, value }) => (metricName ?? '').endsWith('_count') && value === 1)
    .map(({ labels }) => `${labels.call} ${labels.result}`)
  const all = ['wrap', 'unwrap', 'rewrap', 'metadata', 'create', 'read', 'find', 'delete']
  assert.deepEqual(counted.toSorted(), [...all.map((call) => `${call} ok`), 'read wrapped-form'].toSorted())
})

test('the server’s own root key is taken as it is, but for custody keyprotect', async () => {
  assert.deepEqual(await rootKeys.prepare(own.uri), { uri: own.uri, warnings: [] })
  await assert.rejects(
    rootKeys.prepare('file:root.key', { standardKeys: true }),
    reaches('root-key', /nothing to keep keys in/),
  )
})

test('a root key in a file is made in the data folder alone, and that is said where none is elsewhere', async () => {
  for (const uri of ['file:../elsewhere.key', 'file:/nowhere/at/all.key', 'file:folder/new.key'])
    await assert.rejects(
      rootKeys.prepare(uri),
      reaches('unreachable', /there is no root key at .*made in the data folder alone.*file:new\.key/),
    )
})
