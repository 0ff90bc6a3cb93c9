// An inventory counts only if it is whole, and each reason why it is not is told.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  clientsOfNone,
  countsMs,
  partialReasons,
  type VcenterReading,
} from '../../../src/features/vcenter/wholeness.ts'

const whole: VcenterReading = {
  name: 'vc-1',
  login: 'stored',
  reading: { ageMs: 0, hasDisks: true },
  trouble: undefined,
}

test('an inventory is whole if each vCenter was read with everything within five minutes', () => {
  assert.deepEqual(
    partialReasons([whole, { ...whole, reading: { ageMs: countsMs - 1, hasDisks: true } }], []),
    [],
  )
})

const partial: readonly [string, Partial<VcenterReading>, RegExp][] = [
  ['without a login', { login: 'none', reading: undefined }, /^no login is stored for vc-2: .*--user USER$/],
  ['whose login is off', { login: 'off' }, /^the stored login is off for vc-2/],
  ['that this node does not read', { reading: undefined }, /^this node has not read vc-2/],
  ['whose last reading failed', { trouble: 'no answer' }, /^vc-2 was not read: no answer$/],
  ['read five minutes ago', { reading: { ageMs: countsMs, hasDisks: true } }, /more than five minutes/],
  ['whose disks are not listed', { reading: { ageMs: 0, hasDisks: false } }, /Datastore\.FileManagement/],
]
for (const [what, change, reason] of partial)
  test(`one vCenter ${what} makes the inventory of all partial`, () => {
    const reasons = partialReasons([whole, { ...whole, name: 'vc-2', ...change }], [])
    assert.equal(reasons.length, 1)
    assert.match(reasons[0] ?? '', reason)
  })

test('an instance without a vCenter has no whole inventory', () => {
  assert.deepEqual(partialReasons([], []), ['no vCenter was added to the instance'])
})

test('clients that belong to none of the vCenters make the inventory partial, and the first are named', () => {
  const strangers = Array.from({ length: 7 }, (_, at) => ({ id: `${at}`, name: `client-${at}`, lastMs: at }))
  const [reason = '', ...others] = partialReasons([whole], strangers)
  assert.deepEqual(others, [])
  assert.match(reason, /^7 clients of the instance belong to none/)
  assert.match(reason, /client-4, last seen at 1970-01-01T00:00:00\.004Z; and 2 more/)
})

const day = 24 * 3600_000

test('a client counts if it was here within 90 days and belongs to no vCenter', () => {
  const nowMs = 1_000 * day
  const client = (id: string, agoMs: number) => ({ id, name: `name of ${id}`, lastMs: nowMs - agoMs })
  const lately = client('lately', 89 * day)
  const now = client('now', 0)
  const clients = [client('ours', 0), lately, now, client('long-ago', 90 * day)]
  assert.deepEqual(clientsOfNone(clients, [{ clients: ['ours'] }, {}], nowMs), [now, lately])
})
