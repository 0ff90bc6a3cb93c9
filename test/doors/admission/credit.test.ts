// Shares of the thread's time, and how long a client waits that sends or fetches much.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { largeAnswerBytes } from '../../../src/base/bounds.ts'
import {
  LargeMessages,
  TimeShare,
  largeMovingMsPerMegabyte,
  largeTimeDebtMaxMs,
  largeTimePercent,
  largeTimeSavedMaxMs,
} from '../../../src/doors/admission/credit.ts'
import { listenerLimits } from '../../../src/doors/kmip/listener-limits.ts'
import { MovableClock } from '../../support/time/movable-clock.ts'

const megabyte = 1_000_000
/** What each client has saved up. */
const savedBytes = (largeTimeSavedMaxMs / largeMovingMsPerMegabyte) * megabyte
const bytesPerSecond = (largeTimePercent * 10 * megabyte) / largeMovingMsPerMegabyte

const of = (member: string, group = 'i') => ({ group, member })

function build() {
  const clock = new MovableClock()
  const large = new LargeMessages(clock)
  /** Whether the client still waits, now and after so many milliseconds. */
  const waits = async (waited: Promise<unknown> | undefined) => {
    let done = waited === undefined
    void waited?.then(() => (done = true))
    const look = async (ms = 0) => {
      clock.pass(ms)
      await new Promise((resolve) => setImmediate(resolve))
      return !done
    }
    return { now: await look(), after: look }
  }
  return { large, waits }
}

test('what was saved up costs no wait; more is paid back at the rate of the share', async () => {
  const { large, waits } = build()
  assert.equal((await waits(large.turn(of('a'), savedBytes))).now, false)
  const second = await waits(large.turn(of('a'), bytesPerSecond))
  assert.equal(second.now, true)
  assert.equal(await second.after(990), true)
  assert.equal(await second.after(20), false)
})

test('each client has its own', async () => {
  const { large, waits } = build()
  assert.equal((await waits(large.turn(of('a'), savedBytes + bytesPerSecond))).now, true)
  assert.equal((await waits(large.turn(of('b'), savedBytes))).now, false)
  assert.equal((await waits(large.paying(of('c')))).now, false)
})

test('a client that got large answers waits before its next request; small ones are free', async () => {
  const { large, waits } = build()
  for (let sent = 0; sent < 1_000; sent++) large.sent(of('a'), largeAnswerBytes, 1)
  assert.equal((await waits(large.paying(of('a')))).now, false)
  large.sent(of('b'), savedBytes + bytesPerSecond, 0)
  const settling = await waits(large.paying(of('b')))
  assert.equal(settling.now, true)
  assert.equal(await settling.after(1_010), false)
})

test('what was measured is paid back, whatever its bytes, and one who leaves does not wait for it', async () => {
  const { large, waits } = build()
  large.worked(of('a'), largeTimeSavedMaxMs)
  assert.equal((await waits(large.paying(of('a')))).now, false)
  large.worked(of('a'), largeTimePercent * 10)
  const leaves = new AbortController()
  const gone = await waits(large.paying(of('a'), leaves.signal))
  const settling = await waits(large.paying(of('a')))
  assert.ok(gone.now && settling.now)
  leaves.abort()
  assert.equal(await gone.after(), false)
  assert.equal(await settling.after(990), true)
  assert.equal(await settling.after(20), false)
  large.sent(of('b'), largeAnswerBytes + 1, largeTimeSavedMaxMs + 1)
  assert.equal((await waits(large.paying(of('b')))).now, true)
})

test('a client with very many connections gets no more than its share: what would have to wait longer is refused', async () => {
  const { large, waits } = build()
  let taken = 0
  const ask = async () => {
    if (await large.turn(of('a'), megabyte)) taken += 1
  }
  for (let asked = 0; asked < 1_000; asked++) void ask()
  const longestMs = (largeTimeDebtMaxMs * 100) / largeTimePercent
  assert.ok(longestMs < listenerLimits.answerTimeoutMs)
  const waiting = await waits(undefined)
  await waiting.after(longestMs)
  const most = (savedBytes + (bytesPerSecond * longestMs) / 1_000) / megabyte
  assert.ok(taken <= most && taken > most - 1, `${taken} of ${most}`)
  assert.equal((await waits(large.turn(of('b'), savedBytes))).now, false)
})

test('nobody waits longer than the debt that counts', async () => {
  const { large, waits } = build()
  for (let sent = 0; sent < 1_000; sent++) large.sent(of('a'), 10 * megabyte, 0)
  const waiting = await waits(large.paying(of('a')))
  const longestMs = (largeTimeDebtMaxMs * 100) / largeTimePercent
  assert.equal(await waiting.after(longestMs - 10), true)
  assert.equal(await waiting.after(20), false)
})

test('however many clients of one instance send large messages, a quarter of the time is left to the others', async () => {
  const { large, waits } = build()
  let taken = 0
  const sends = async (client: string) => {
    while (await large.turn(of(client), megabyte)) taken += 1
  }
  for (let client = 0; client < 40; client++) void sends(String(client))
  const beginning = await waits(undefined)
  for (let ms = 0; ms < 60_000; ms += 10) await beginning.after(10)
  const before = taken
  for (let ms = 0; ms < 60_000; ms += 10) await beginning.after(10)
  const share = ((taken - before) * largeMovingMsPerMegabyte) / 60_000
  assert.ok(share > 0.7 && share < 0.8, `they take ${share} of the time`)
  assert.equal((await waits(large.turn(of('other', 'j'), savedBytes))).now, false)
  assert.equal((await waits(large.paying(of('small')))).now, false, 'nor does one wait that sends none')
})

test('a share of the time is so much of each second, what was saved included, and a debt is waited for', () => {
  const clock = { ms: 0 }
  const share = new TimeShare({ percent: 20, savedMaxMs: 1_000, debtMaxMs: 500 }, () => clock.ms)
  assert.equal(share.waitMs(), 0)
  share.spend(1_100)
  assert.equal(share.waitMs(), 500)
  clock.ms += 500
  assert.equal(share.waitMs(), 0)
  clock.ms += 3_600_000
  share.spend(1_001)
  assert.equal(share.waitMs(), 5)
  share.spend(60_000)
  assert.equal(share.waitMs(), 2_500)
})
