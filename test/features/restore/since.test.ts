// What a restore does to the rows of standard keys: a closing of later times is to reach the service, too.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { notClosed, objectName, type LaterActs, type LoggedClosing } from '../../../src/core/backup/later.ts'
import type { StandardKeyRecord } from '../../../src/core/ports/secrets.ts'
import { restoredRow } from '../../../src/features/restore/since.ts'

const row: StandardKeyRecord = {
  id: 's',
  kind: 'object',
  instanceId: 'i',
  identifier: 'k',
  generation: 1,
  rootKeyUri: 'r',
  keyVersion: '',
  state: 'current',
  createdMs: 1,
}

function later(found: Partial<LoggedClosing>, identifier = 'k'): LaterActs {
  return {
    upToMs: 9,
    entries: 1,
    made: [],
    closed: new Map([[objectName('i', identifier), { ...notClosed, ...found }]]),
    instancesGone: new Map(),
    instancesEmptied: new Set(),
    instancesClosed: new Map(),
    serverClosed: null,
    clientsRemoved: new Set(),
    allowed: new Map(),
    certificatesRemoved: new Set(),
    blocked: new Map(),
  }
}

test('a row says what the service must learn of what was done after the backup', () => {
  const revoked = { reason: 'Superseded', atMs: 5 }
  const destroyed = { atMs: 6, untilMs: null }
  for (const [found, state] of [
    [{ broughtBack: true }, 'current'],
    [{ revoked }, 'due'],
    [{ deactivatesMs: 7 }, 'due'],
    [{ deactivatesMs: 7, revoked }, 'due'],
    [{ deactivatesMs: 7, destroyed }, 'unwanted'],
  ] as const)
    assert.equal(restoredRow(row, later(found), undefined).state, state, JSON.stringify(found))
  assert.equal(restoredRow(row, later({ deactivatesMs: 7 }, 'other'), undefined), row)
  const unwanted = { ...row, state: 'unwanted' } as const
  assert.equal(restoredRow(unwanted, later({ deactivatesMs: 7 }), undefined), unwanted)
})
