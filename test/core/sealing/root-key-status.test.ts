// What follows from what a root key's service says: which refusals count, who asks again and when, and that a move from one
// root key to another keeps the two apart. The calls are functions of the test, the clock is moved.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { RootKeyError, type RootKeyReach } from '../../../src/core/ports/root-key.ts'
import { RootKeyStatus, type Unwrap } from '../../../src/core/sealing/root-key-status.ts'
import { rootKeyAskAgainMs } from '../../../src/core/sealing/bounds.ts'
import { reaches } from '../../support/root-keys/rootkey-contract.ts'

const use = { instanceId: 'red', rootKeyUri: 'test:a' }
const other = { instanceId: 'red', rootKeyUri: 'test:b' }

const refused = (reach: RootKeyReach) => () => Promise.reject(new RootKeyError(reach, `call: ${reach}`))

function begin() {
  let now = 1_000
  const events: string[] = []
  const reasons: string[] = []
  const forgotten: string[] = []
  /** What the service says; null: yes. */
  const service: { unwrap: RootKeyReach | null; unwraps: number; reason?: string } = {
    unwrap: null,
    unwraps: 0,
  }
  const unwrap: Unwrap = async () => {
    service.unwraps++
    const { unwrap: reach } = service
    if (reach) throw new RootKeyError(reach, service.reason ?? `unwrap: ${reach}`)
    return new Uint8Array(32).fill(1)
  }
  const status = new RootKeyStatus({
    clock: { now: () => 0, monotonic: () => now },
    events: {
      unreachable: ({ rootKeyUri }, { message }, isNews) => {
        reasons.push(message)
        if (isNews) events.push(`unreachable ${rootKeyUri}`)
      },
      withdrawn: ({ rootKeyUri }) => events.push(`withdrawn ${rootKeyUri}`),
      answers: ({ rootKeyUri }) => events.push(`answers ${rootKeyUri}`),
    },
    findUnwrap: () => Promise.resolve(unwrap),
  })
  status.onForget((instanceId, rootKeyUri) => forgotten.push(`${instanceId} ${rootKeyUri}`))
  const pass = (ms: number) => (now += ms)
  return { status, service, unwrap, events, reasons, forgotten, pass }
}

test('a refused unwrap withdraws; everybody is refused at once but for one question every few seconds', async () => {
  const { status, service, unwrap, events, forgotten, pass } = begin()
  await status.unwrap(use, unwrap)
  service.unwrap = 'root-key'
  await assert.rejects(status.unwrap(use, unwrap), reaches('root-key'))
  assert.deepEqual([events, forgotten], [['withdrawn test:a'], ['red test:a']])
  const asked = service.unwraps
  for (let turn = 0; turn < 20; turn++) {
    await assert.rejects(status.unwrap(use, unwrap), reaches('root-key', /unwrap: root-key/))
    await assert.rejects(
      status.call(use, () => assert.fail('was called')),
      reaches('root-key'),
    )
  }
  assert.equal(service.unwraps, asked)
  pass(rootKeyAskAgainMs)
  const all = await Promise.allSettled(Array.from({ length: 20 }, () => status.unwrap(use, unwrap)))
  assert.ok(all.every(({ status: ended }) => ended === 'rejected'))
  assert.equal(service.unwraps, asked + 1, 'one of them asked')
  service.unwrap = null
  pass(rootKeyAskAgainMs)
  assert.equal(await status.call(use, () => Promise.resolve('done')), 'done', 'it asked, and then went on')
  assert.deepEqual(events, ['withdrawn test:a', 'withdrawn test:a', 'answers test:a'])
})

for (const reach of ['root-key', 'call'] as const)
  test(`another call is refused (${reach}): it counts when an unwrap confirms it, and not otherwise`, async () => {
    const { status, service, events, pass } = begin()
    for (let turn = 0; turn < 40; turn++)
      await assert.rejects(status.call(use, refused(reach)), reaches('call'))
    assert.deepEqual([events, service.unwraps], [[], 1], 'asked once for all of them')
    service.unwrap = 'root-key'
    await assert.rejects(status.call(use, refused(reach)), reaches('call'))
    pass(rootKeyAskAgainMs)
    await assert.rejects(status.call(use, refused(reach)), reaches('root-key'))
    assert.deepEqual(events, ['withdrawn test:a'])
  })

test('a refusal of one wrapped form, and a bug, say nothing about the root key', async () => {
  const { status, service, unwrap, events } = begin()
  await assert.rejects(status.call(use, refused('wrapped-form')), reaches('wrapped-form'))
  service.unwrap = 'wrapped-form'
  await assert.rejects(status.unwrap(use, unwrap), reaches('wrapped-form'))
  const bug = new Error('a bug')
  await assert.rejects(
    status.call(use, () => Promise.reject(bug)),
    bug,
  )
  assert.deepEqual(events, [])
})

test('an answer to a question from before the refusal does not lift it', async () => {
  const { status, service, unwrap, events, pass } = begin()
  const late = Promise.withResolvers<Uint8Array>()
  const asked = status.unwrap(use, () => late.promise)
  pass(1)
  service.unwrap = 'root-key'
  await assert.rejects(status.unwrap(use, unwrap), reaches('root-key'))
  late.resolve(new Uint8Array(1))
  await asked
  assert.deepEqual(events, ['withdrawn test:a'])
  assert.ok(status.refusedSince(use, 1_000))
  await assert.rejects(status.unwrap(use, unwrap), reaches('root-key'))
})

test('a root key that the instance moves away from is apart from the one that it moves to', async () => {
  const { status, service, unwrap, events, forgotten } = begin()
  service.unwrap = 'root-key'
  await assert.rejects(status.unwrap(use, unwrap), reaches('root-key'))
  service.unwrap = null
  await status.unwrap(other, unwrap)
  await assert.rejects(status.unwrap(use, unwrap), reaches('root-key'))
  assert.ok(!status.refusedSince(other, 0), 'what the other one unwrapped stays in memory')
  assert.deepEqual([events, forgotten], [['withdrawn test:a'], ['red test:a']])
})

test('out of reach: reported once, also when another call says so and an unwrap agrees', async () => {
  const { status, service, unwrap, events, pass } = begin()
  await assert.rejects(status.call(use, refused('unreachable')), reaches('unreachable'))
  assert.equal(service.unwraps, 1)
  assert.deepEqual(events, [], 'it unwraps')
  service.unwrap = 'unreachable'
  pass(rootKeyAskAgainMs)
  for (let turn = 0; turn < 3; turn++)
    await assert.rejects(status.call(use, refused('unreachable')), reaches('unreachable'))
  await assert.rejects(status.unwrap(use, unwrap), reaches('unreachable'))
  assert.deepEqual(events, ['unreachable test:a'])
  service.unwrap = null
  await status.unwrap(use, unwrap)
  assert.deepEqual(events, ['unreachable test:a', 'answers test:a'])
})

test('out of reach: the latest reason is reported, and silence takes none away', async () => {
  const { status, service, unwrap, events, reasons } = begin()
  service.unwrap = 'unreachable'
  for (const reason of ['no such host', 'connection refused']) {
    service.reason = reason
    await assert.rejects(status.unwrap(use, unwrap), reaches('unreachable'))
  }
  const late = Promise.withResolvers<Uint8Array>()
  const pending = status.unwrap(use, () => late.promise)
  await nextTurn()
  status.noteSilence('red', new RootKeyError('unreachable', 'silent'))
  assert.deepEqual(reasons, ['no such host', 'connection refused'])
  assert.deepEqual(events, ['unreachable test:a'], 'once as news')
  late.resolve(new Uint8Array(1))
  await pending
})

test('a refusal stands while the service is out of reach', async () => {
  const { status, service, unwrap, events, pass } = begin()
  service.unwrap = 'root-key'
  await assert.rejects(status.unwrap(use, unwrap), reaches('root-key'))
  service.unwrap = 'unreachable'
  pass(rootKeyAskAgainMs)
  await assert.rejects(status.unwrap(use, unwrap), reaches('unreachable'))
  await assert.rejects(status.unwrap(use, unwrap), reaches('root-key'))
  assert.deepEqual(events, ['withdrawn test:a'])
})

test('a root key that refuses only the wrapped form that it is asked by answers again', async () => {
  const { status, service, unwrap, events, pass } = begin()
  service.unwrap = 'root-key'
  await assert.rejects(status.unwrap(use, unwrap), reaches('root-key'))
  service.unwrap = 'wrapped-form'
  pass(rootKeyAskAgainMs)
  assert.equal(await status.call(use, () => Promise.resolve('done')), 'done')
  assert.deepEqual(events, ['withdrawn test:a', 'answers test:a'])
})

test('what the question opens is wiped', async () => {
  const { status, service, unwrap, pass } = begin()
  const opened = new Uint8Array(32).fill(7)
  const repeat: Unwrap = () => Promise.resolve(opened)
  service.unwrap = 'root-key'
  await assert.rejects(status.unwrap(use, unwrap, repeat), reaches('root-key'))
  pass(rootKeyAskAgainMs)
  service.unwrap = null
  await status.unwrap(use, unwrap)
  assert.deepEqual(opened, new Uint8Array(32))
})

test('an instance that is gone is forgotten once none of its calls is under way; another one is not', async () => {
  for (const [what, retained, isPending, isForgotten] of [
    ['gone', 'blue', false, true],
    ['gone, with a call under way', 'blue', true, false],
    ['still there', 'red', false, false],
    ['still there, with a call under way', 'red', true, false],
  ] as const) {
    const { status, service, unwrap } = begin()
    const late = Promise.withResolvers<Uint8Array>()
    const pending = isPending ? status.unwrap(use, () => late.promise) : undefined
    await nextTurn()
    service.unwrap = 'root-key'
    await assert.rejects(status.unwrap(use, unwrap), reaches('root-key'))
    status.retain(new Set([retained]))
    assert.equal(status.refusedSince(use, 0), !isForgotten, what)
    late.resolve(new Uint8Array(1))
    await pending
    status.retain(new Set([retained]))
    assert.equal(status.refusedSince(use, 0), retained === 'red', `${what}, later`)
  }
})

test('a service is heard of by each answer, a refusal included, and not by its silence', async () => {
  const { status, unwrap, pass } = begin()
  const heard = async (call: () => Promise<unknown>) => {
    pass(1_000)
    await call().catch(() => undefined)
    return status.heardAt('red')
  }
  assert.equal(status.heardAt('red'), undefined)
  assert.equal(await heard(() => status.unwrap(use, unwrap)), 2_000)
  assert.equal(await heard(() => status.call(use, refused('wrapped-form'))), 3_000)
  assert.equal(await heard(() => status.unwrap(other, refused('wrapped-form'))), 4_000)
  assert.equal(await heard(() => status.unwrap(use, refused('unreachable'))), 4_000)
  assert.equal(await heard(() => status.unwrap(use, () => Promise.reject(new Error('a bug')))), 4_000)
  assert.equal(status.heardAt('blue'), undefined)
  status.retain(new Set(['red']))
  assert.equal(status.heardAt('red'), 4_000)
  status.retain(new Set())
  assert.equal(status.heardAt('red'), undefined)
})

test('those who wait for a Get hear nothing of a service that answers other calls, or other steps of a Get', async () => {
  const { status, unwrap, pass } = begin()
  const late = Promise.withResolvers<Uint8Array>()
  const reading = status.call(use, () => late.promise, 'read')
  await nextTurn()
  pass(1_000)
  await status.call(use, () => Promise.resolve())
  assert.equal(status.heardAt('red'), 1_000)
  await status.unwrap(use, unwrap)
  assert.equal(status.heardAt('red'), 1_000)
  await status.call(other, () => Promise.resolve(), 'read')
  assert.equal(status.heardAt('red'), 2_000, 'another read was answered')
  const opening = status.unwrap(use, () => late.promise)
  await nextTurn()
  pass(1_000)
  late.resolve(new Uint8Array(1))
  await reading
  assert.equal(status.heardAt('red'), 3_000)
  await opening
})

test('an outage that began as silence is reported again by the call that says why, and not a third time', async () => {
  const { status, service, unwrap, events } = begin()
  const late = Promise.withResolvers<Uint8Array>()
  const pending = status.unwrap(use, () => late.promise)
  await nextTurn()
  const silent = new RootKeyError('unreachable', 'silent')
  status.noteSilence('red', silent)
  status.noteSilence('red', silent)
  assert.deepEqual(events, ['unreachable test:a'])
  late.reject(new RootKeyError('unreachable', 'why'))
  await assert.rejects(pending, reaches('unreachable'))
  service.unwrap = 'unreachable'
  await assert.rejects(status.unwrap(use, unwrap), reaches('unreachable'))
  assert.deepEqual(events, ['unreachable test:a', 'unreachable test:a'])
})

test('silence concerns the root keys of the instance that have an unanswered call, and no others', async () => {
  const { status, unwrap, events } = begin()
  const late = Promise.withResolvers<Uint8Array>()
  const blue = { instanceId: 'blue', rootKeyUri: 'test:c' }
  const pending = [use, blue].map((one) => status.unwrap(one, () => late.promise))
  await status.unwrap(other, unwrap)
  status.noteSilence('red', new RootKeyError('unreachable', 'silent'))
  assert.deepEqual(events, ['unreachable test:a'])
  late.resolve(new Uint8Array(1))
  await Promise.all(pending)
  assert.deepEqual(events, ['unreachable test:a', 'answers test:a'])
})
