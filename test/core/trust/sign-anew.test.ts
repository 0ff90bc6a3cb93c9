// After an accepted restore: rows that counted count under the new key, tokens do not, and old rows never verify again.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  makeRow,
  readRows,
  trustKinds,
  type TrustKind,
  type TrustKinds,
} from '../../../src/core/trust/rows.ts'
import { signAnew } from '../../../src/core/trust/sign-anew.ts'
import {
  aBlock as block,
  aClient as client,
  applied,
  aToken as token,
  newKey,
  signedRows,
} from './trust-values.ts'

test('rows count under the new key; of the tokens only the new one does', () => {
  const [before, after] = [newKey(), newKey()]
  const rows = signedRows(before, 5, [
    makeRow(before, 'client', client('vcenter')),
    makeRow(before, 'block', block('ff')),
    makeRow(before, 'token', token('bootstrap')),
    makeRow(before, 'token', token('alice')),
  ])
  const table = applied(rows, signAnew(after, readRows(before, 5, rows), 9, token('new')))
  const reading = readRows(after, 9, table)
  assert.deepEqual(reading.alarms, [])
  assert.deepEqual([...reading.tables.client.keys()], ['vcenter'])
  assert.deepEqual([...reading.tables.block.keys()], ['ff'])
  assert.deepEqual([...reading.tables.token.keys()], ['new'])
  assert.equal(readRows(before, 9, table).intact, false, 'nothing of it counts under the old key')
})

test('no kind of row is forgotten; tokens and requests for a second person end', () => {
  const [before, after] = [newKey(), newKey()]
  const rows = trustKinds.map((kind) => makeRow(before, kind, { id: `a ${kind}` } as TrustKinds[TrustKind]))
  const table = signedRows(before, 5, rows)
  const found = applied(table, signAnew(after, readRows(before, 5, table), 9, token('new')))
  const { tables, alarms } = readRows(after, 9, found)
  assert.deepEqual(alarms, [])
  for (const kind of trustKinds) {
    // People log in again.
    const kept = kind === 'token' ? ['new'] : kind === 'session' || kind === 'approval' ? [] : [`a ${kind}`]
    assert.deepEqual([...tables[kind].keys()], kept)
  }
})

test('an old row that is put back does not count, and raises an alarm', () => {
  const [before, after] = [newKey(), newKey()]
  const rows = signedRows(before, 5, [makeRow(before, 'client', client('vcenter'))])
  const table = applied(rows, signAnew(after, readRows(before, 5, rows), 9, token('new')))
  const lost = makeRow(before, 'client', client('thief'))
  const reading = readRows(after, 9, [...table, lost])
  assert.deepEqual([...reading.tables.client.keys()], ['vcenter'])
  assert.match(reading.alarms.join(), /client\/thief was not written by this server/)
  const old = rows.filter(({ kind }) => kind === 'head')
  assert.equal(
    readRows(
      after,
      9,
      applied(
        table,
        old.map((row) => ({ type: 'trust', row })),
      ),
    ).intact,
    false,
  )
})

test('a block that somebody removed stays withheld, even if its old row is put back', () => {
  const [before, after] = [newKey(), newKey()]
  const blocked = makeRow(before, 'block', block('ff'))
  const all = signedRows(before, 5, [makeRow(before, 'client', client('vcenter')), blocked])
  const rows = all.filter((row) => row !== blocked)
  const table = applied(rows, signAnew(after, readRows(before, 5, rows), 9, token('new')))
  for (const found of [table, [...table, blocked]])
    assert.deepEqual([...readRows(after, 9, found).withheld], ['ff'])
})
