// Rows that do not count: how each is told to the owner, and what each decision makes of it.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decideDoubtful, doubtfulRows } from '../../../src/core/trust/doubtful-rows.ts'
import { makeRow, readRows } from '../../../src/core/trust/rows.ts'
import { aBlock, aClient, applied, aToken, newKey, signedRows } from './trust-values.ts'

const macs = newKey()
const good = makeRow(macs, 'client', aClient('good', 'i'))
const gone = makeRow(macs, 'block', aBlock('gone'))
const unlisted = makeRow(macs, 'client', aClient('unlisted', 'i'))
const altered = { ...makeRow(macs, 'client', aClient('altered', 'i')), mac: Buffer.alloc(32) }
const nameless = { kind: 'block', id: 'nameless', body: '{"id":"nameless","name":7}', mac: Buffer.alloc(32) }
const unreadable = ['not JSON', 'null', '7', '{"id":"another"}', '[]'].map((body, at) => {
  return { kind: 'token', id: `unreadable ${at}`, body, mac: Buffer.alloc(32) }
})
const strange = { kind: 'a kind of later', id: 'x', body: '{"id":"x"}', mac: Buffer.alloc(32) }
const rows = [
  ...signedRows(macs, 5, [good, gone]).filter((row) => row !== gone),
  unlisted,
  altered,
  nameless,
  ...unreadable,
  strange,
]
const reading = readRows(macs, 5, rows)

test('each row that does not count is told with what it says of itself', () => {
  assert.deepEqual(doubtfulRows(macs, reading, rows), [
    { row: 'client/unlisted', name: 'client unlisted', instanceId: 'i', state: 'genuine' },
    { row: 'client/altered', name: 'client altered', instanceId: 'i', state: 'altered' },
    { row: 'block/nameless', name: null, instanceId: null, state: 'altered' },
    ...unreadable.map(({ id }) => {
      return { row: `token/${id}`, name: null, instanceId: null, state: 'unreadable' }
    }),
  ])
})

test('rows signed again count, the others are removed, and a withheld block stays withheld', () => {
  const wanted = new Set(['client/altered', 'token/unreadable 0', 'client/nobody', 'a kind of later/x'])
  const decision = { token: aToken('owner'), version: 9 }
  const table = applied(rows, decideDoubtful(macs, { reading, rows }, wanted, decision))
  const after = readRows(macs, 9, table)
  assert.equal(after.intact, true)
  assert.deepEqual([...after.tables.client.keys()].toSorted(), ['altered', 'good'])
  assert.deepEqual([...after.tables.token.keys()], ['owner'])
  assert.deepEqual([...after.withheld], ['gone'])
  assert.deepEqual(doubtfulRows(macs, after, table), [])
  assert.deepEqual(
    table.map(({ kind, id }) => `${kind}/${id}`).toSorted(),
    ['a kind of later/x', 'client/altered', 'client/good', 'head/trust', 'token/owner'],
    'a kind that this server does not know is left alone',
  )
})

test('a session and a request that was approved once do not come back', () => {
  const ended = (['session', 'approval'] as const).map((kind) => makeRow(macs, kind, { id: 'x' } as never))
  const all = [...rows, ...ended]
  const read = { reading: readRows(macs, 5, all), rows: all }
  assert.deepEqual(
    doubtfulRows(macs, read.reading, all).flatMap(({ row, state }) => (state === 'over' ? [row] : [])),
    ['session/x', 'approval/x'],
  )
  const decision = { token: aToken('owner'), version: 9 }
  const table = applied(all, decideDoubtful(macs, read, new Set(['session/x', 'approval/x']), decision))
  const { tables } = readRows(macs, 9, table)
  assert.deepEqual([tables.session.size, tables.approval.size], [0, 0])
})

test('without a decision to keep any, only what counted before is left, and the new token', () => {
  const decision = { token: aToken('owner'), version: 9 }
  const writes = decideDoubtful(macs, { reading, rows }, new Set(), decision)
  const gone = [
    'client/unlisted',
    'client/altered',
    'block/nameless',
    ...unreadable.map(({ id }) => `token/${id}`),
  ]
  assert.deepEqual(
    writes.map((write) => {
      if (write.type === 'trust-removed') return `${write.kind}/${write.id}`
      return write.type === 'trust' ? `put ${write.row.kind}` : write.type
    }),
    [...gone, 'put token', 'put head'],
  )
  const { tables } = readRows(macs, 9, applied(rows, writes))
  assert.deepEqual([...tables.client.keys()], ['good'])
})
