// A disk that hangs gives no error: a write or a flush just does not return. The store says so, and goes on once it does.

import assert from 'node:assert/strict'
import { createSecretKey, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { accessUnchainedMsMax } from '../../../../src/outside/store/access/bounds.ts'
import { storeSilentMs } from '../../../../src/outside/store/bounds.ts'
import { StoreUnavailable } from '../../../../src/core/ports/store.ts'
import { openSqliteStore } from '../../../../src/outside/store/sqlite/open.ts'
import { hangingWriter } from '../../../support/store/hanging-writer.ts'
import { MovableClock } from '../../../support/time/movable-clock.ts'
import { auditEntry, change } from '../../../support/store/store-values.ts'

test('while the disk hangs, the store says so; after a minute it says that no key is handed out', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'mortise-silent-'))
  const [disk, clock, told]: [ReturnType<typeof hangingWriter>, MovableClock, string[]] = [
    hangingWriter(),
    new MovableClock(),
    [],
  ]
  const store = await openSqliteStore({
    file: path.join(folder, 'mortise.db'),
    clock,
    reserveBytes: 0,
    threads: disk.threads,
    onTrouble: (message) => told.push(message),
  })
  t.after(async () => {
    disk.goOn()
    await store.close()
    rmSync(folder, { recursive: true })
  })
  await store.openAccessLog(createSecretKey(randomBytes(32)))
  const good = { writable: true, handsOut: true, reason: null }
  clock.pass(3 * storeSilentMs)
  assert.deepEqual(store.health(), good, 'nothing waits')

  disk.hang()
  await store.record({ entries: [auditEntry()], fetched: [] })
  const waiting = store.commit(change([], { entries: [auditEntry()] }))
  clock.pass(2 * storeSilentMs)
  const { reason, ...health } = store.health()
  assert.deepEqual(health, { writable: false, handsOut: true })
  assert.match(reason ?? '', /the disk of .*mortise\.db has not answered for .* goes on by itself/)
  assert.deepEqual(told, [reason])
  const heads = await store.auditTimes()
  assert.deepEqual(heads, { oldestMs: null, newestMs: null }, 'what is on the disk is told at once')
  const asked = Promise.allSettled([store.audit({ order: 'oldest', limit: 1 }), store.auditHeads()])
  clock.pass(storeSilentMs)
  for (const answer of await asked) {
    assert(answer.status === 'rejected' && answer.reason instanceof StoreUnavailable)
    assert.equal(answer.reason.message, reason, 'a list with all reads would wait for the disk')
  }

  clock.pass(accessUnchainedMsMax)
  const refusing = store.health()
  assert.deepEqual([refusing.writable, refusing.handsOut], [false, false])
  assert.match(refusing.reason ?? '', /no more keys are handed out: the disk of .* has not answered/)

  disk.goOn()
  await waiting
  await store.audit({ order: 'oldest', limit: 1 })
  assert.deepEqual(store.health(), good)
  assert.equal(told.at(-1), 'the store takes changes again')
})
