// Interop where an administrator turned it on: a test that begins or ends is entered, and nothing is reset for it.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Context } from '../../../src/core/operations/handler.ts'
import { interop } from '../../../src/core/operations/interop.ts'
import { faults } from '../../support/server/core.ts'

test('a test is entered by its printable name; Reset is refused, and all of it while Interop is off', async () => {
  const entered: unknown[] = []
  const ask = async (
    InteropFunction: 'Begin' | 'End' | 'Reset',
    operations: readonly string[] = ['Interop'],
  ) => {
    const transaction = { enter: (...entry: unknown[]) => entered.push(entry) }
    const context = { transaction, server: { operations } } as unknown as Context
    return interop(context, { InteropFunction, InteropIdentifier: 'a\ntest' })
  }
  for (const InteropFunction of ['Begin', 'End'] as const) {
    assert.deepEqual(await ask(InteropFunction), {})
    assert.deepEqual(entered.splice(0), [['client.interop', { function: InteropFunction, test: 'a test' }]])
  }
  await assert.rejects(ask('Reset'), faults('FeatureNotSupported', /keeps its objects/))
  await assert.rejects(ask('Begin', ['Ping']), faults('OperationNotSupported', /can turn it on/))
  assert.deepEqual(entered, [])
})
