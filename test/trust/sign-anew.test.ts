// After an accepted restore: rows that counted count under the new key, tokens do not, and old rows never verify again.

import assert from 'node:assert/strict'
import { createSecretKey, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import type { TrustRow, TrustWrite } from '../../src/ports/trust.ts'
import { MacKey } from '../../src/sealing/mac-key.ts'
import {
  makeHead,
  makeRow,
  readRows,
  trustKinds,
  type Block,
  type Client,
  type Token,
  type TrustKind,
  type TrustKinds,
} from '../../src/trust/rows.ts'
import { signAnew } from '../../src/trust/sign-anew.ts'

const newKey = () => new MacKey(createSecretKey(randomBytes(32)))
const client = (id: string): Client => {
  return { id, instanceId: 'i', name: id, expiredGraceDays: null, credential: null, createdMs: 1 }
}
const block = (id: string): Block => ({ id, reason: 'stolen', createdMs: 1 })
const token = (id: string): Token => {
  return { id, name: id, role: 'manager', instanceId: null, sha256: 'ab', createdMs: 1, expiresMs: null }
}

/** The table after the writes, as a store holds it. */
function applied(rows: readonly TrustRow[], writes: readonly TrustWrite[]): TrustRow[] {
  const table = new Map(rows.map((row) => [`${row.kind}/${row.id}`, row]))
  for (const write of writes) {
    if (write.type === 'trust') table.set(`${write.row.kind}/${write.row.id}`, write.row)
    if (write.type === 'trust-removed') table.delete(`${write.kind}/${write.id}`)
  }
  return [...table.values()]
}

function signedRows(macs: MacKey, version: number, rows: readonly TrustRow[]): TrustRow[] {
  const listed = new Map(rows.map(({ kind, id, mac }) => [`${kind}/${id}`, Buffer.from(mac).toString('hex')]))
  return [...rows, makeHead(macs, version, listed)]
}

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

test('no kind of row is forgotten', () => {
  const [before, after] = [newKey(), newKey()]
  const rows = trustKinds.map((kind) => makeRow(before, kind, { id: `a ${kind}` } as TrustKinds[TrustKind]))
  const table = signedRows(before, 5, rows)
  const found = applied(table, signAnew(after, readRows(before, 5, table), 9, token('new')))
  const { tables, alarms } = readRows(after, 9, found)
  assert.deepEqual(alarms, [])
  for (const kind of trustKinds)
    assert.deepEqual([...tables[kind].keys()], [kind === 'token' ? 'new' : `a ${kind}`])
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
