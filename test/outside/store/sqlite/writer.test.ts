// The writer's thread as the serving thread sees it: when it ends, nothing hangs and it is said aloud.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StoreUnavailable } from '../../../../src/core/ports/store.ts'
import { commitQueueMax } from '../../../../src/outside/store/bounds.ts'
import { systemClock } from '../../../../src/host/system-clock.ts'
import { WriterThread } from '../../../../src/outside/store/sqlite/writer-thread.ts'
import { auditEntry, change } from '../../../support/store/store-values.ts'

const script = new URL('./dying-writer.ts', import.meta.url)

for (const [way, reason] of [
  ['exit', /writer ended \(code 3\)/],
  ['throw', /writer ended \(the writer met a bug\)/],
] as const)
  test(`a writer that dies by ${way} refuses what waits and what comes later`, async () => {
    const told: string[] = []
    const data = { file: way, writer: 'w', openedMs: 0, reserveBytes: 0, destroyedGoneMs: 10_000 }
    const thread = await WriterThread.start(data, (message) => told.push(message), {
      script,
      clock: systemClock,
    })
    assert.equal(thread.health.writable, true)
    const refused = (error: unknown) =>
      error instanceof StoreUnavailable && error.why === 'unavailable' && reason.test(error.message)
    const waiting = Array.from({ length: 10 }, () => thread.commit(change([], { entries: [auditEntry()] })))
    await Promise.all(waiting.map((commit) => assert.rejects(commit, refused)))
    await assert.rejects(thread.commit(change([])), refused)
    assert.equal(thread.health.writable, false)
    assert.match(thread.health.reason ?? '', reason)
    assert.equal(told.length, 1)
    assert.match(told[0] ?? '', reason)
    await thread.close()
  })

test('more changes than may wait are refused as busy', async () => {
  const data = { file: 'exit', writer: 'w', openedMs: 0, reserveBytes: 0, destroyedGoneMs: 10_000 }
  const thread = await WriterThread.start(data, () => {}, { script, clock: systemClock })
  const commits = Array.from({ length: commitQueueMax + 1 }, () => thread.commit(change([])))
  const last = await Promise.allSettled(commits).then((results) => results.at(-1))
  assert.ok(last?.status === 'rejected' && last.reason instanceof StoreUnavailable)
  assert.equal(last.reason.why, 'busy')
  await thread.close()
})

test('a writer that cannot start says so', async () => {
  const data = { file: '', writer: 'w', openedMs: 0, reserveBytes: 0, destroyedGoneMs: 10_000 }
  const nothing = new URL('./support/no-such-writer.ts', import.meta.url)
  await assert.rejects(
    WriterThread.start(data, () => {}, { script: nothing, clock: systemClock }),
    (error) => error instanceof StoreUnavailable && /did not start/.test(error.message),
  )
})
