// The audit as CSV, as the console saves it: who acted is told by what nobody chooses, too.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { csvHead, csvOf } from '../../../console/src/pages/audit-csv.ts'

const entry = {
  at: '2026-01-02T03:04:05.000Z',
  action: 'key.destroy',
  result: 'success',
  reason: null,
  instanceId: 'i',
  object: 'k',
  actor: { kind: 'person', id: 'https://idp#1', name: '=ann', certificateSha256: null, address: '192.0.2.7' },
  requestId: 'r',
  detail: { name: 'a,"b"' },
  writer: 'w',
  number: 7,
  hash: 'h',
} as const

test('two people of one name are told apart, and no cell is a formula', () => {
  const other = { ...entry, actor: { ...entry.actor, id: 'https://idp#2' } }
  const [head, ...lines] = (csvHead + csvOf([entry, other])).trimEnd().split('\r\n')
  const ids = lines.map((line) => line.split(',')[String(head).split(',').indexOf('id')])
  assert.match(String(head), /^\uFEFFat,action,/, 'Excel takes it as UTF-8')
  assert.deepEqual(ids, ['https://idp#1', 'https://idp#2'])
  const named = { ...entry, actor: { ...entry.actor, name: 'ann;=1+1' } }
  assert.match(csvOf([named]), /,ann;'=1\+1,/, 'a semicolon ends a cell where a comma is in numbers')
  assert.match(
    csvOf([{ ...entry, object: 'k\n=1+1\r\n@x' }]),
    /,"k\n'=1\+1\r\n'@x",/,
    'and a line break the line',
  )
  assert.match(String(lines[0]), /,'=ann,.*,"\{""name"":""a,\\""b\\""""\}",w,7,h$/)
})
