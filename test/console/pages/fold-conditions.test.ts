// Conditions of one kind take one place on the overview.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { foldConditions } from '../../../console/src/pages/fold-conditions.ts'
import type { Status } from '../../../console/src/pages/sentence.ts'

type Condition = Status['conditions'][number]

function condition(id: string, message: string, instance: string | null): Condition {
  return { id, severity: 'critical', action: 'Renew it now.', message, instance }
}

test('many of one kind take one place, and few stand for themselves', () => {
  const clients = Array.from({ length: 1_000 }, (_, number) =>
    condition('certificate-expired', `client ${number}`, 'default'),
  )
  const own = condition('certificate-expired', "the server's", null)
  const few = [1, 2, 3].map((number) => condition('root-key-failing', `root key ${number}`, 'default'))
  const groups = foldConditions([...clients, own, ...few], ({ instance }) => instance ?? undefined)
  assert.deepEqual(
    groups.map((group) => group.length),
    [1_000, 1, 1, 1, 1],
  )
  assert.deepEqual(groups.flat(), [...clients, own, ...few])
})
