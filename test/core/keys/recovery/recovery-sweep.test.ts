// The sweep that removes what was destroyed and can be brought back no more: which failures end a look, and when it looks again.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RecoverySweep } from '../../../../src/core/keys/recovery/recovery-sweep.ts'
import { recoveryLookEveryMs } from '../../../../src/core/keys/recovery/recovery-sweep.ts'
import { LeaseElsewhere } from '../../../../src/core/ports/leases.ts'
import { StoreConflict, type Change } from '../../../../src/core/ports/store.ts'
import { MovableClock } from '../../../support/time/movable-clock.ts'

type Options = ConstructorParameters<typeof RecoverySweep>[0]

const due = [1, 2].map((version) => ({ instanceId: 'i', uniqueIdentifier: `k${version}`, version }))

/** `pages`: what each question finds due. `commit` may fail. */
function build(
  pages: readonly (typeof due)[],
  commit: (change: Change) => void = () => undefined,
  held = true,
  instances: readonly object[] = [],
) {
  const left = [...pages]
  const commits: (readonly string[])[] = []
  let asked = 0
  const store = {
    dueObjects: async () => {
      asked++
      return left.shift() ?? []
    },
    commit: async (change: Change) => {
      commits.push(change.entries.map(({ object }) => String(object)))
      commit(change)
    },
  }
  const options = {
    store,
    clock: new MovableClock(),
    recovery: { keep: async () => undefined, now: () => 0 },
    leases: { hold: async () => (held ? { name: 'recovery', fence: 1 } : undefined) },
    instances: async () => instances,
  } as unknown as Options
  return {
    sweep: new RecoverySweep(options),
    clock: options.clock as MovableClock,
    commits,
    asked: () => asked,
  }
}

test('page after page is removed together, until nothing is due', async () => {
  const { sweep, commits, asked } = build([due, due.slice(0, 1)])
  await sweep.look()
  assert.deepEqual(commits, [['k1', 'k2'], ['k1']])
  assert.equal(asked(), 3)
})

test('without the lease, or when it went elsewhere meanwhile, the look ends and leaves the rest', async () => {
  const without = build([due], undefined, false)
  await without.sweep.look()
  assert.deepEqual(without.commits, [])
  const lost = build([due, due], () => {
    throw new LeaseElsewhere({})
  })
  await lost.sweep.look()
  assert.deepEqual([lost.commits.length, lost.asked()], [1, 1])
  const bug = new TypeError('a bug')
  const broken = build([due], () => {
    throw bug
  })
  await assert.rejects(broken.sweep.look(), (error) => error === bug)
})

test('where one was changed meanwhile, each is removed by itself, and the look ends', async () => {
  const { sweep, commits, asked } = build([due, due], ({ entries }) => {
    if (entries.some(({ object }) => object === 'k1')) throw new StoreConflict('object', 'changed meanwhile')
  })
  await sweep.look()
  assert.deepEqual(commits, [['k1', 'k2'], ['k1'], ['k2']])
  assert.equal(asked(), 1)
})

test('looks that are asked for at once are one look, and none begins another page once it was stopped', async () => {
  const both = build([])
  await Promise.all([both.sweep.look(), both.sweep.look()])
  assert.equal(both.asked(), 1)
  await both.sweep.look()
  assert.equal(both.asked(), 2)
  const stopped: { sweep?: RecoverySweep; end?: Promise<void> | undefined } = {}
  const { sweep, commits, asked } = build([due, due], () => {
    stopped.end ??= stopped.sweep?.stop()
  })
  stopped.sweep = sweep
  await sweep.look()
  await stopped.end
  assert.deepEqual([commits.length, asked()], [1, 1])
})

test('it looks at once and every minute until it is stopped, and tells each look that failed', async () => {
  const failures: unknown[] = []
  const broken = new TypeError('a bug')
  const { sweep, clock, asked } = build([due, due], () => {
    throw broken
  })
  /** Waits for the look that is under way, or looks itself. */
  const settled = () => sweep.look().catch(() => undefined)
  sweep.start((error) => failures.push(error))
  await settled()
  assert.deepEqual([asked(), failures], [1, [broken]])
  clock.pass(recoveryLookEveryMs - 1)
  await settled()
  assert.deepEqual([asked(), failures.length], [2, 1], 'no other look was under way')
  clock.pass(1)
  await settled()
  assert.deepEqual([asked(), failures.length], [3, 1])
  await sweep.stop()
  clock.pass(2 * recoveryLookEveryMs)
  assert.equal(asked(), 3)
})

test('what is due of a closed instance stays, and does not keep what is behind it', async () => {
  const ofClosed = Array.from({ length: 100 }, (_, n) => ({
    instanceId: 'closed',
    uniqueIdentifier: `c${n}`,
    version: 1,
  }))
  const closing = { atMs: 1, by: 'alice', reason: 'r' }
  const { sweep, commits, asked } = build(
    [ofClosed, [...ofClosed, ...due], ofClosed, ofClosed],
    undefined,
    true,
    [{ id: 'closed', closed: closing }, { id: 'i' }],
  )
  await sweep.look()
  assert.deepEqual(commits, [['k1', 'k2']])
  assert.equal(asked(), 4)
})
