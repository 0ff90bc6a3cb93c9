// Poll in a batch with Undo, where alone its handler is called.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { poll } from '../../src/operations/poll.ts'
import type { Context } from '../../src/operations/handler.ts'
import { faults } from '../support/core.ts'

test('a Poll cannot be undone', async () => {
  await assert.rejects(
    async () => poll({} as Context, { AsynchronousCorrelationValue: Buffer.of(1) }),
    faults('FeatureNotSupported', /outside a batch with Undo/),
  )
})
