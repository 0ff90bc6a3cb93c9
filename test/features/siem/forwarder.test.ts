// The rules of sending: in order, from where the target was, at least once, whatever fails in between. The targets fail on
// command; the log is a real one, on a clock that the test turns.

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { siemPollMs } from '../../../src/features/siem/bounds.ts'
import { siemPageEntries, siemStopMs } from '../../../src/features/siem/forwarder.ts'
import type { PlacedEntry } from '../../../src/core/ports/audit.ts'
import { Forwarder } from '../../../src/features/siem/forwarder.ts'
import type { TargetSession, SiemTarget } from '../../../src/features/siem/target.ts'
import { enter } from '../../support/store/audit-log.ts'
import { openCore, type TestCore } from '../../support/server/core.ts'

/** Has everything that it was sent, surely so once `settle` was called. */
class FakeTarget implements SiemTarget {
  readonly kind = 'syslog'
  readonly name = 'tcp://siem.example:601'
  readonly received: PlacedEntry[] = []
  sessions = 0
  refuses: string | undefined
  #settled = 0

  async open(): Promise<TargetSession> {
    this.sessions++
    this.#refuse()
    return {
      send: async (entries) => {
        this.#refuse()
        this.received.push(...entries)
      },
      taken: async () => {
        this.#refuse()
        return this.#settled
      },
      close: async () => {},
    }
  }

  /** `but`: so many of the last ones are not sure yet. */
  settle(but = 0): void {
    this.#settled = this.received.at(-1 - but)?.place ?? 0
  }

  /** Resolves once it holds; each look lets the clock pass, since the forwarder sleeps in between. */
  async until(core: TestCore, holds: () => boolean | Promise<boolean>): Promise<void> {
    while (!(await holds())) {
      core.clock.pass(siemPollMs)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  get numbers(): readonly number[] {
    return this.received.map(({ number }) => number)
  }

  #refuse(): void {
    if (this.refuses !== undefined) throw new Error(this.refuses)
  }
}

async function startOn(t: TestContext, core: TestCore, target: FakeTarget) {
  const troubles: (string | null)[] = []
  const forwarder = new Forwarder({
    ...core,
    target,
    onTrouble: (trouble) => troubles.push(trouble),
    onSent: () => {},
  })
  forwarder.start()
  t.after(() => forwarder.stop())
  return { forwarder, troubles }
}

test('everything is sent in the order of writing, from the oldest entry on, in pages', async (t) => {
  const core = await openCore(t)
  await enter(core, siemPageEntries + 20)
  const target = new FakeTarget()
  await startOn(t, core, target)
  await target.until(core, () => target.received.length >= siemPageEntries + 20)
  await enter(core, 2)
  await target.until(core, () => target.received.length >= siemPageEntries + 22)
  assert.deepEqual(
    target.numbers,
    target.numbers.map((_, index) => index + 1),
  )
  assert.equal(target.sessions, 1)
})

test('what a target did not surely have is sent again, and nothing else', async (t) => {
  const core = await openCore(t)
  const target = new FakeTarget()
  await enter(core, 3)
  const { forwarder, troubles } = await startOn(t, core, target)
  await target.until(core, () => target.received.length === 3)
  target.settle()
  await target.until(core, async () => (await core.store.forwardedTo('syslog')) > 0)
  await enter(core, 2)
  await target.until(core, () => target.received.length === 5)
  assert.notEqual((await forwarder.facts()).behindSinceMs, null)

  target.refuses = 'it is down'
  await target.until(core, () => troubles.length === 1)
  await enter(core, 1)
  assert.equal((await forwarder.facts()).trouble, 'it is down')
  target.refuses = undefined
  await target.until(core, () => target.received.length === 8)
  assert.deepEqual(target.numbers, [1, 2, 3, 4, 5, 4, 5, 6])
  target.settle()
  await target.until(core, async () => (await forwarder.facts()).behindSinceMs === null)
  assert.deepEqual(troubles, ['it is down', null])
})

test('a target that takes entries again is well, although there are always new ones', async (t) => {
  const core = await openCore(t)
  const target = new FakeTarget()
  target.refuses = 'it is down'
  await enter(core, 2)
  const { troubles } = await startOn(t, core, target)
  await target.until(core, () => troubles.length === 1)
  target.refuses = undefined
  await target.until(core, async () => {
    target.settle(1)
    await enter(core, 1)
    return troubles.length === 2
  })
  assert.deepEqual(troubles, ['it is down', null])
})

test('another start goes on where the target was', async (t) => {
  const core = await openCore(t)
  const target = new FakeTarget()
  await enter(core, 4)
  const { forwarder } = await startOn(t, core, target)
  await target.until(core, () => target.received.length === 4)
  target.settle()
  await target.until(core, async () => (await forwarder.facts()).behindSinceMs === null)
  await forwarder.stop()
  const again = await core.reopen()
  await enter(again, 1)
  const next = new FakeTarget()
  await startOn(t, again, next)
  await next.until(again, () => next.received.length === 1)
  assert.deepEqual(next.numbers, [1], 'the first entry of the new writer, and none of the old one')
})

test('attempts become rarer while a target is down, up to one a minute', async (t) => {
  const core = await openCore(t)
  const target = new FakeTarget()
  target.refuses = 'it is down'
  await startOn(t, core, target)
  const beganMs = core.clock.monotonic()
  await target.until(core, () => target.sessions === 10)
  const seconds = (core.clock.monotonic() - beganMs) / 1000
  assert.ok(seconds >= 180 && seconds < 600, `${seconds} s`)
})

test('while another node has the lease, this one sends nothing and has no trouble', async (t) => {
  const core = await openCore(t)
  await enter(core, 1)
  const target = new FakeTarget()
  let asked = 0
  const leases = { hold: async () => (asked++, undefined) }
  const { forwarder, troubles } = await startOn(t, { ...core, leases } as unknown as TestCore, target)
  await target.until(core, () => asked > 3)
  assert.equal(target.sessions, 0)
  assert.deepEqual(troubles, [])
  assert.equal((await forwarder.facts()).trouble, null)
})

test('a target that hangs keeps no server from stopping', async (t) => {
  const core = await openCore(t)
  await enter(core, 1)
  const asked = Promise.withResolvers<void>()
  const never = new Promise<never>(() => {})
  const send = () => {
    asked.resolve()
    return never
  }
  const session: TargetSession = { send, taken: () => never, close: () => never }
  const target: SiemTarget = { kind: 'file', name: '/hangs', open: async () => session }
  const forwarder = new Forwarder({ ...core, target, onTrouble: () => {}, onSent: () => {} })
  forwarder.start()
  await asked.promise
  const stopped = forwarder.stop()
  core.clock.pass(siemStopMs)
  await stopped
})
