// What was refused to parties that can ask as often as they like: the same thing gets one entry in its time, a group and all of them
// so many a minute, and the rest one that counts it.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Refusals, type RefusalsOptions, type RefusedRequest } from '../../../src/core/audit/refusals.ts'
import { refusalEntryEveryMs } from '../../../src/base/bounds.ts'
import { minuteQuotaMax, minuteQuotaPerGroupMax } from '../../../src/core/audit/minute-quota.ts'
import { MovableClock } from '../../support/time/movable-clock.ts'

type Entry = Parameters<RefusalsOptions['audit']['enter']>[0]

function open(enter: (entry: Entry) => Promise<void> = async () => undefined, everyMs = 1_000) {
  const clock = new MovableClock()
  const entered: Entry[] = []
  const failures: unknown[] = []
  const refusals = new Refusals({
    audit: {
      enter: (entry) => {
        entered.push(entry)
        return enter(entry)
      },
    },
    clock,
    action: 'admin.refused',
    reason: 'PermissionDenied',
    everyMs,
    groups: 'addresses',
    counted: { door: 'kmip' },
    failed: (error) => failures.push(error),
  })
  const actor = {
    kind: 'unauthenticated',
    id: null,
    name: null,
    certificateSha256: null,
    address: 'a',
  } as const
  const refuse = (about: string, group = 'a') =>
    refusals.enter({ about, group, actor, instanceId: 'i', requestId: 'r', detail: { about } })
  const told = () => entered.splice(0).map(({ detail }) => detail?.['about'] ?? detail?.['refusals'])
  return { clock, entered, failures, refusals, refuse, told, actor }
}

test('an entry tells what was refused, and the same thing gets the next one when its time is over', () => {
  const { clock, entered, refuse, told, actor } = open()
  refuse('x')
  assert.deepEqual(entered[0], {
    action: 'admin.refused',
    result: 'refused',
    object: null,
    actor,
    instanceId: 'i',
    reason: 'PermissionDenied',
    requestId: 'r',
    detail: { about: 'x' },
  } satisfies Omit<RefusedRequest, 'about' | 'group'> &
    Pick<Entry, 'action' | 'result' | 'object' | 'reason'>)
  refuse('y')
  refuse('x')
  assert.deepEqual(told(), ['x', 'y'])
  clock.pass(999)
  refuse('x')
  assert.deepEqual(told(), [])
  clock.pass(1)
  refuse('x')
  assert.deepEqual(told(), ['x'])
  clock.pass(999)
  refuse('x')
  assert.deepEqual(told(), [], 'counted from the last entry')
})

test('what a minute left out is counted at its end, or when the server stops, as nobody’s', async () => {
  const { clock, entered, refusals, refuse, told } = open()
  const many = (group: string, more: number) => {
    for (let count = 0; count < minuteQuotaPerGroupMax + more; count++) refuse(`${group} ${count}`, group)
  }
  many('a', 3)
  many('b', 1)
  assert.equal(told().length, 2 * minuteQuotaPerGroupMax)
  clock.pass(refusalEntryEveryMs)
  const [left, ...others] = entered.splice(0)
  assert.deepEqual(others, [])
  assert.deepEqual(left?.detail, {
    why: 'left out',
    door: 'kmip',
    refusals: 4,
    addresses: 2,
    most: 'a: 3, b: 1',
  })
  assert.deepEqual(
    [left?.actor?.kind, left?.actor?.address, left?.instanceId, left?.requestId, left?.reason],
    ['unauthenticated', null, null, null, 'PermissionDenied'],
  )
  many('c', 2)
  told()
  await refusals.close()
  assert.deepEqual(told(), [2])
})

test('a stop waits for the entries that are being written, and one that fails is told', async () => {
  const writing = Promise.withResolvers<undefined>()
  const { failures, refusals, refuse } = open(() => writing.promise)
  refuse('x')
  let isClosed = false
  const closing = refusals.close().then(() => (isClosed = true))
  await new Promise(setImmediate)
  assert.equal(isClosed, false)
  const error = new Error('the disk is full')
  writing.reject(error)
  await closing
  assert.deepEqual(failures, [error, error], 'that of the entry which counts it, too')
})

test('what could not be entered is entered when it is refused the next time', async () => {
  const { clock, refusals, refuse, told } = open(async () => Promise.reject(new Error('the disk is full')))
  refuse('x')
  await new Promise(setImmediate)
  clock.pass(1)
  refuse('x')
  assert.deepEqual(told(), ['x', 'x'])
  await refusals.close()
  assert.deepEqual(told(), [2])
})

test('what could not be entered is counted until the entry that counts it is written', async () => {
  let isFull = true
  const { clock, refusals, refuse, told } = open(async () => {
    if (isFull) throw new Error('the disk is full')
  })
  for (let count = 0; count < minuteQuotaPerGroupMax + 2; count++) refuse(String(count))
  await new Promise(setImmediate)
  told()
  clock.pass(refusalEntryEveryMs)
  await new Promise(setImmediate)
  assert.deepEqual(told(), [minuteQuotaPerGroupMax + 2])
  isFull = false
  clock.pass(refusalEntryEveryMs)
  assert.deepEqual(told(), [minuteQuotaPerGroupMax + 2])
  clock.pass(refusalEntryEveryMs)
  await refusals.close()
  assert.deepEqual(told(), [], 'counted once')
})

test('a refusal whose entry fails while the server stops is counted in the last one', async () => {
  const writing = Promise.withResolvers<undefined>()
  const { refusals, refuse, told } = open(async ({ detail }) =>
    detail?.['why'] === 'left out' ? undefined : writing.promise,
  )
  refuse('x')
  const closing = refusals.close()
  writing.reject(new Error('the disk is full'))
  await closing
  assert.deepEqual(told(), ['x', 1])
})

test('so many things are remembered, and the oldest is forgotten first', () => {
  const { clock, refuse, told } = open(undefined, Number.MAX_SAFE_INTEGER)
  const rememberedMax = 10_000
  for (let count = 0; count < rememberedMax; count++) {
    if (count % minuteQuotaMax === 0) clock.pass(refusalEntryEveryMs)
    refuse(String(count), `group ${count}`)
  }
  assert.equal(told().length, rememberedMax)
  clock.pass(refusalEntryEveryMs)
  refuse('0')
  assert.deepEqual(told(), [])
  for (const about of ['one more', '0', '2']) refuse(about)
  assert.deepEqual(told(), ['one more', '0'])
})
