// A root key that a restore waits for: how long it is silent counts from the question on.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { retryingRootKey } from '../../../../src/features/restore/sources/standard-keys.ts'
import { restoreSilenceMsMax } from '../../../../src/features/restore/sources/standard-keys.ts'
import { RootKeyError } from '../../../../src/core/ports/root-key.ts'
import { FaultyRootKey } from '../../../support/root-keys/faulty-root-key.ts'
import { MovableClock } from '../../../support/time/movable-clock.ts'

test('a root key that nobody asked for long is waited for as any other, and not without end', async () => {
  const clock = new MovableClock()
  const rootKey = new FaultyRootKey()
  let onTrouble = (): void => void (rootKey.fault = null)
  const { signal } = new AbortController()
  const patient = retryingRootKey(rootKey, { clock, signal, onTrouble: (why) => why !== null && onTrouble() })
  const [bytes, aad] = [Buffer.from('a data key'), Buffer.from('of an instance')]
  const wrapped = await rootKey.wrap(bytes, aad)
  for (const fault of ['unreachable', null] as const) {
    clock.pass(restoreSilenceMsMax + 1)
    rootKey.fault = fault
    assert.deepEqual(Buffer.from(await patient.unwrap(wrapped, aad)), bytes)
  }
  rootKey.fault = 'unreachable'
  onTrouble = () => clock.pass(restoreSilenceMsMax + 1)
  await assert.rejects(patient.unwrap(wrapped, aad), RootKeyError)
})
