// What an unanswered Create left beside a root key that the instance has left by now comes along once a sweep has taken it over.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readDescription } from '../../../src/core/custody/keyprotect/description.ts'
import { standardKeyLookAfterMs, standardKeyTriesMax } from '../../../src/base/bounds.ts'
import { standardKeySweepAfterMs } from '../../../src/core/custody/keyprotect/bounds.ts'
import { createKey, makeInstance, openCore, trustClient } from '../../support/server/core.ts'
import { FaultyRootKey } from '../../support/root-keys/faulty-root-key.ts'
import { assertInPlace, fetchBytes, move } from '../../support/server/instance-work.ts'

for (const custody of ['keyprotect', 'database'] as const)
  test(`what is taken over beside the root key before is moved into custody ${custody}, also once the service answers again`, async (t) => {
    const other = new FaultyRootKey('test:other')
    const core = await openCore(t, { rootKeys: [other] })
    const first = core.rootKey
    const { standardKeys } = first
    const instance = await makeInstance(core, 'default', { custody: 'keyprotect' })
    const { identify } = await trustClient(core, instance)
    const find = standardKeys.find.bind(standardKeys)
    standardKeys.find = async () => []
    core.clock.passedSleepMs = standardKeyLookAfterMs
    standardKeys.createFaults = Array.from({ length: standardKeyTriesMax }, () => 'uncertain-after')
    await assert.rejects(core.keys.perform(identify, createKey()))
    standardKeys.find = find
    await move(core, instance, other, custody)
    standardKeys.aheadMs += standardKeySweepAfterMs
    other.fault = 'unreachable'
    await core.sweep()
    other.fault = null
    core.clock.pass(standardKeySweepAfterMs)
    await core.custodies.keyprotect.sweep.run()
    assert.deepEqual(
      standardKeys.live().map(({ description }) => readDescription(description)?.kind),
      ['marker'],
    )
    await assertInPlace(core, instance, other, [first])
    first.fault = 'root-key'
    core.keyring.forget(instance.id)
    const [object, ...others] = await core.store.objects({ instanceId: instance.id, limit: 10 })
    assert.equal(others.length, 0)
    const bytes = await core.keys.perform(identify, fetchBytes(object?.uniqueIdentifier ?? ''))
    assert.equal(bytes.length, 64)
  })
