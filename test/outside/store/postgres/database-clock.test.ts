// What answers of the database say of its clock: late ones, one during which the machine slept or its clock was set, and one that is
// wrong by itself.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DatabaseClock } from '../../../../src/outside/store/postgres/database-clock.ts'

const hourMs = 3_600_000

/** A machine and its database, whose clocks were right and alike at first. */
class Site {
  databaseMs = 1_000 * hourMs
  wallMs = this.databaseMs
  #monotonicMs = 5_000
  readonly clock = new DatabaseClock({ now: () => this.wallMs, monotonic: () => this.#monotonicMs })

  pass(ms: number): void {
    this.#monotonicMs += ms
    this.sleep(ms)
  }

  /** The machine is suspended: its monotonic clock stands still. */
  sleep(ms: number): void {
    this.databaseMs += ms
    this.wallMs += ms
  }

  /** A transaction: `before` and `after` happen before the database has read its clock, and until its answer is there. */
  ask(before?: () => void, after?: () => void): void {
    const askedMs = this.#monotonicMs
    before?.()
    const { databaseMs } = this
    after?.()
    this.clock.take(databaseMs, askedMs)
  }

  /** How far the time that the process goes by is ahead of the database's. */
  get wrongMs(): number {
    return this.clock.aheadMs + this.#monotonicMs - this.databaseMs
  }
}

test('the first answer counts, however wrong the clock of the machine is', () => {
  for (const wrongMs of [hourMs, 0, -hourMs]) {
    const site = new Site()
    site.wallMs += wrongMs
    site.ask()
    assert.equal(site.clock.isUnsure, false)
    assert.equal(site.clock.behindMs + wrongMs, 0)
  }
})

test('the clock of the machine is set between two transactions, or in the middle of one: no date changes', () => {
  for (const aheadMs of [580_000, -580_000]) {
    const site = new Site()
    site.ask()
    const set = () => (site.wallMs += aheadMs)
    for (const ask of [() => site.ask(set), () => site.ask(undefined, set), set]) {
      const { behindMs } = site.clock
      ask()
      assert.equal(site.wrongMs, 0)
      assert.equal(site.clock.behindMs, behindMs - aheadMs)
      assert.equal(site.clock.isUnsure, false)
    }
  }
})

test('an answer that comes late sets nothing back', () => {
  const site = new Site()
  site.ask()
  site.ask(
    () => site.pass(100),
    () => site.pass(8_000),
  )
  assert.equal(site.wrongMs, 0)
})

test('clocks that drift are followed at once', () => {
  const site = new Site()
  site.ask()
  for (const driftMs of [40, -60]) {
    site.databaseMs += driftMs
    site.ask()
    assert.equal(site.wrongMs, 0)
  }
})

test('the machine sleeps between two transactions: the second answer after it makes the clock right', () => {
  const site = new Site()
  site.ask()
  site.sleep(hourMs)
  site.ask()
  assert.ok(site.clock.isUnsure)
  assert.equal(site.wrongMs, -hourMs)
  site.pass(2_000)
  site.ask()
  assert.ok(!site.clock.isUnsure)
  assert.equal(site.wrongMs, 0)
})

test('it sleeps while the answer is on its way, and once more', () => {
  const site = new Site()
  site.ask()
  site.ask(undefined, () => site.sleep(hourMs))
  site.ask(undefined, () => site.sleep(hourMs))
  assert.equal(site.wrongMs, -2 * hourMs)
  site.ask()
  assert.ok(site.clock.isUnsure, 'the two answers do not agree')
  site.ask()
  assert.equal(site.wrongMs, 0)
})

test('the clock of the database is wrong for one transaction: nothing follows it', () => {
  for (const jumpMs of [580_000, -580_000]) {
    const site = new Site()
    site.ask()
    site.databaseMs += jumpMs
    site.ask()
    site.databaseMs -= jumpMs
    site.ask()
    assert.ok(!site.clock.isUnsure)
    assert.equal(site.wrongMs, 0)
    // An answer from before is no second one.
    site.databaseMs += jumpMs
    site.ask()
    assert.equal(site.wrongMs, -jumpMs)
    site.ask()
    assert.equal(site.wrongMs, 0)
  }
})
