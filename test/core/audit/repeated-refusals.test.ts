// Refusals of one client, action and reason: the first of a minute are entered one by one, the rest are counted in one entry.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RepeatedRefusals } from '../../../src/core/audit/repeated-refusals.ts'
import { refusalEntryEveryMs } from '../../../src/base/bounds.ts'
import { refusalKindsMax, refusalsEnteredMax } from '../../../src/core/audit/repeated-refusals.ts'
import type { Actor, AuditEntry } from '../../../src/core/ports/audit.ts'
import { MovableClock } from '../../support/time/movable-clock.ts'

const client: Actor = { kind: 'client', id: 'c-1', name: 'one', certificateSha256: 'aa', address: '10.0.0.1' }
const max = refusalsEnteredMax

function open() {
  const clock = new MovableClock()
  const entered: AuditEntry[] = []
  const failures: unknown[] = []
  const disk: { error?: Error } = {}
  const refusals = new RepeatedRefusals({
    clock,
    record: async ({ entries }) => {
      if (disk.error) throw disk.error
      entered.push(...entries)
    },
    failed: (error) => failures.push(error),
  })
  const entry = (more: Partial<AuditEntry> = {}): AuditEntry => ({
    atMs: clock.now(),
    action: 'key.destroy',
    result: 'refused',
    instanceId: 'i',
    object: 'k',
    actor: client,
    reason: 'PermissionDenied',
    requestId: 'r',
    detail: null,
    ...more,
  })
  /** Returns how many of them are entered one by one. */
  const refuse = (count: number, more: (n: number) => Partial<AuditEntry> = () => ({})) =>
    Array.from({ length: count }, (_, n) => refusals.pass([entry(more(n))]).length).filter(Boolean).length
  /** Ends the minute, and returns the details of the entries that count. */
  const endMinute = async () => {
    clock.pass(refusalEntryEveryMs)
    await new Promise(setImmediate)
    return entered.splice(0).map(({ detail }) => detail)
  }
  return { clock, entered, failures, disk, refusals, entry, refuse, endMinute }
}

test('the first of a minute are entered, and one entry at its end counts the rest', async () => {
  const { clock, entered, refuse } = open()
  const since = new Date(clock.now()).toISOString()
  assert.equal(
    refuse(1_000, (n) => ({ object: `k-${n}` })),
    max,
  )
  clock.pass(refusalEntryEveryMs - 1)
  assert.equal(
    refuse(1, () => ({ object: 'last' })),
    0,
  )
  assert.deepEqual(entered, [])
  clock.pass(1)
  assert.deepEqual(entered, [
    {
      atMs: clock.now(),
      action: 'key.destroy',
      result: 'refused',
      instanceId: 'i',
      object: null,
      actor: client,
      reason: 'PermissionDenied',
      requestId: null,
      detail: { why: 'left out', refusals: 1_001 - max, since, first: `k-${max}`, last: 'last' },
    },
  ])
  assert.equal(refuse(max + 1), max, 'a new minute has begun')
})

test('each client, action, reason and instance has its own count', async () => {
  const { refuse, endMinute } = open()
  const others: readonly Partial<AuditEntry>[] = [
    { actor: { ...client, id: 'c-2' } },
    { action: 'key.get' },
    { reason: 'ItemNotFound' },
    { instanceId: 'other' },
  ]
  assert.equal(refuse(max + 2), max)
  for (const other of others)
    assert.equal(
      refuse(max + 1, () => other),
      max,
    )
  const counts = (await endMinute()).map((detail) => detail?.['refusals'])
  assert.deepEqual(counts, [2, 1, 1, 1, 1])
  assert.equal(refuse(max), max)
  assert.deepEqual(await endMinute(), [], 'a minute without more has no entry that counts')
})

test('how far the root key could be reached is a reason of its own, which the entry that counts has too', async () => {
  const { refuse, endMinute } = open()
  const unreachable = { reason: 'GeneralFailure', detail: { rootKey: 'unreachable', correlationIds: 'a b' } }
  assert.equal(
    refuse(max + 1, () => unreachable),
    max,
  )
  assert.equal(
    refuse(max, () => ({ ...unreachable, detail: { rootKey: 'wrapped-form' } })),
    max,
  )
  const [{ since: _, ...detail } = {}, ...others] = (await endMinute()).map((one) => one ?? {})
  assert.deepEqual(others, [])
  assert.deepEqual(detail, { why: 'left out', refusals: 1, first: 'k', last: 'k', rootKey: 'unreachable' })
})

test('successes, what was undone, and refusals of others than clients are never joined', () => {
  const { refuse, refusals, entry } = open()
  for (const more of [
    { result: 'success' },
    { result: 'undone' },
    { actor: { ...client, kind: 'token' } },
    { actor: { ...client, kind: 'person' } },
  ] as const)
    assert.equal(
      refuse(1_000, () => more),
      1_000,
    )
  refuse(max)
  const [done, undone] = [entry({ result: 'success' }), entry({ result: 'undone' })]
  assert.deepEqual(refusals.pass([done, undone, entry()]), [done, undone])
})

test('the entry names the object, certificate and address that all of them had, and no other', async () => {
  const { clock, entered, refuse, entry } = open()
  refuse(max)
  refuse(5)
  clock.pass(refusalEntryEveryMs)
  const [{ object, actor, detail } = entry()] = entered.splice(0)
  assert.deepEqual([object, actor], ['k', client])
  assert.deepEqual([detail?.['first'], detail?.['last']], ['k', 'k'])
  refuse(max)
  const { actor: _, ...search } = entry({ action: 'key.locate', object: null })
  for (const action of ['key.destroy', 'key.locate'] as const) {
    refuse(max, () => ({ ...search, action }))
    refuse(1, () => ({ ...search, action, object: null }))
    refuse(1, () => ({ ...search, action, actor: { ...client, certificateSha256: 'bb' } }))
    refuse(1, () => ({ ...search, action, actor: { ...client, address: '10.0.0.2' } }))
    refuse(1, () => ({ ...search, action }))
  }
  clock.pass(refusalEntryEveryMs)
  await new Promise(setImmediate)
  assert.equal(entered.length, 2)
  for (const one of entered) {
    assert.deepEqual(one.actor, { ...client, certificateSha256: null, address: null })
    assert.equal(one.object, null)
    assert.equal('first' in (one.detail ?? {}), false)
  }
})

test('a count that cannot be written is told once, kept, and entered a minute later with what came since', async () => {
  const { disk, failures, refuse, endMinute } = open()
  refuse(max + 3, (n) => ({ object: `a-${n}` }))
  refuse(max + 1, () => ({ action: 'key.get' }))
  disk.error = new Error('the disk is full')
  assert.deepEqual(await endMinute(), [])
  assert.deepEqual(failures, [disk.error])
  delete disk.error
  refuse(max + 4, (n) => ({ object: `b-${n}` }))
  const counts = (await endMinute()).map((detail) => [
    detail?.['refusals'],
    detail?.['first'],
    detail?.['last'],
  ])
  assert.deepEqual(counts, [
    [7, `a-${max}`, `b-${max + 3}`],
    [1, 'k', 'k'],
  ])
  assert.deepEqual(await endMinute(), [])
})

test('the end enters what was counted, and refusals after it one by one', async () => {
  const { entered, refusals, refuse } = open()
  refuse(max + 7)
  await refusals.close()
  assert.deepEqual(
    entered.map(({ detail }) => detail?.['refusals']),
    [7],
  )
  assert.equal(refuse(50), 50)
  await refusals.close()
  assert.equal(entered.length, 1)
})

const kind = (n: number) => ({ actor: { ...client, id: `c-${n}` } })

test('the kinds that are counted are bounded; others are entered one by one', async () => {
  const { refuse, endMinute } = open()
  assert.equal(refuse(refusalKindsMax, kind), refusalKindsMax)
  assert.equal(
    refuse(100, () => kind(-1)),
    100,
  )
  assert.equal(
    refuse(100, () => kind(1)),
    max - 1,
  )
  assert.deepEqual(
    (await endMinute()).map((detail) => detail?.['refusals']),
    [100 - max + 1],
  )
})
