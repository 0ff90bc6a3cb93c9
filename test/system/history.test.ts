// The judge of the fault tests (support/history-check.ts) is judged itself: what it must find, and what it must accept.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { array, assert as assertProperty, boolean, constantFrom, nat, property, record } from 'fast-check'
import type { Call } from '../support/load/history.ts'
import { History } from '../support/load/history.ts'
import { violationOf, violations } from '../support/load/history-check.ts'
import type { Said, What } from '../support/load/key-model.ts'

const done: Said = { said: 'done' }
const nothing: Said = { said: 'nothing' }
const got: Said = { said: 'done', digest: 'd1' }
const attributes = (...names: string[]): Said => ({ said: 'done', attributes: names })
const shown = (state: 'PreActive' | 'Active' | 'Deactivated' | 'Destroyed'): Said => ({ said: 'done', state })

/** Calls one after the other, each beginning when the one before has ended, unless `from` and `to` say otherwise. */
function history(...lines: readonly (readonly [What, Said, from?: number, to?: number])[]): Call[] {
  return lines.map(([what, answer, from, to], index) => ({
    key: 'k',
    client: `c${index}`,
    what,
    answer,
    start: from ?? 10 * index,
    end: to ?? (answer.said === 'nothing' ? Infinity : 10 * index + 5),
  }))
}

function add(attribute: string, start: number): Call {
  return { key: 'k', client: attribute, what: 'add', attribute, answer: done, start, end: start + 5 }
}

function foundIn(calls: Call[]): string | undefined {
  return violationOf('k', calls)?.message
}

const revoked = [
  ['create', done],
  ['get', got],
  ['activate', done],
  ['revoke', done],
] as const

test('a stale read, a lost revoke and a resurrected key are found, each at the call that shows it', () => {
  const stale = history(...revoked, ['state', shown('Deactivated')], ['state', shown('Active')])
  assert.match(foundIn(stale) ?? '', /^state of c5 .*"Active".*: before it the key was Deactivated$/)
  const lost = history(...revoked, ['get', got], ['revoke', done], ['state', shown('Deactivated')])
  assert.match(foundIn(lost) ?? '', /^revoke of c5 .*: before it the key was Deactivated$/)
  const lostAndSeen = history(...revoked, ['state', shown('Active')])
  assert.match(foundIn(lostAndSeen) ?? '', /^state of c4/)
  const resurrected = history(...revoked, ['destroy', done], ['get', { said: 'not-found' }], ['get', got])
  assert.match(foundIn(resurrected) ?? '', /^get of c6 .*: before it the key was Destroyed$/)
  const all = new Map([stale, lost, resurrected].map((calls, index) => [`k${index}`, calls]))
  assert.equal(violations(all).length, 3)
})

test('so are a lost key, other bytes, a lost attribute, an identifier given twice, and a refusal without a reason', () => {
  const examples: Readonly<Record<string, Call[]>> = {
    lost: history(['create', done], ['get', { said: 'not-found' }]),
    bytes: history(['create', done], ['get', got], ['get', { said: 'done', digest: 'd2' }]),
    twice: history(['create', done], ['create', done]),
    refused: history(['create', done], ['activate', { said: 'refused' }]),
    attribute: [
      ...history(['create', done]),
      add('x-a', 10),
      add('x-b', 12),
      ...history(['attributes', attributes('x-b'), 30, 35]),
    ],
    unacknowledgedSeenAndLost: history(
      ['create', done],
      ['activate', nothing],
      ['state', shown('Active')],
      ['state', shown('PreActive')],
    ),
  }
  for (const [name, calls] of Object.entries(examples)) assert.ok(foundIn(calls), name)
})

test('overlapping calls may have happened in any order, unanswered ones at any time or never', () => {
  const accepted = [
    // The read overlaps the revoke: both answers are right.
    history(
      ...revoked.slice(0, 3),
      ['revoke', done, 30, 60],
      ['state', shown('Active'), 40, 45],
      ['state', shown('Deactivated'), 50, 55],
    ),
    history(
      ...revoked.slice(0, 3),
      ['revoke', nothing],
      ['state', shown('Active')],
      ['state', shown('Deactivated')],
    ),
    history(...revoked.slice(0, 3), ['revoke', nothing], ['state', shown('Active')], ['get', got]),
    // Two revoke at once: one is refused.
    history(...revoked.slice(0, 3), ['revoke', { said: 'refused' }, 30, 60], ['revoke', done, 40, 70]),
    // Nobody was told of the key.
    history(['get', got], ['destroy', done], ['get', { said: 'not-found' }]),
  ]
  for (const calls of accepted) assert.equal(foundIn(calls), undefined)
  // It happened before the server was dead, though nobody saw it until it was back.
  const unseen = history(
    ...revoked.slice(0, 3),
    ['revoke', nothing, 30, 36],
    ['state', shown('Deactivated'), 40, 45],
  )
  assert.equal(foundIn(unseen), undefined)
  // Nothing happens any more once the server is dead.
  const late = history(
    ...revoked.slice(0, 3),
    ['revoke', nothing, 30, 36],
    ['state', shown('Active'), 40, 45],
    ['state', shown('Deactivated')],
  )
  assert.match(foundIn(late) ?? '', /^state of c5/)
})

test('from its service alone a key comes back with all that was acknowledged', () => {
  const acknowledged = history(...revoked, ['restored', done], ['state', { said: 'done', state: 'Open' }])
  assert.match(foundIn(acknowledged) ?? '', /^state of c5/)
  const open = history(
    ...revoked.slice(0, 3),
    ['revoke', nothing],
    ['state', shown('Deactivated')],
    ['restored', done],
    ['state', { said: 'done', state: 'Open' }],
  )
  assert.equal(foundIn(open), undefined)
})

// ---------------------------------------------------------------- generated histories

const whats = ['create', 'get', 'state', 'attributes', 'add', 'activate', 'revoke', 'destroy'] as const

/** One call: what is asked, how long before and after its moment it runs, and whether its answer is lost. */
const asked = record({
  key: constantFrom('a', 'b'),
  what: constantFrom(...whats),
  before: nat(40),
  after: nat(40),
  lost: nat(9),
  happens: boolean(),
})

/** A key server of a few lines, which answers one call at a time. */
class Sequential {
  state: 'Absent' | 'PreActive' | 'Active' | 'Deactivated' | 'Destroyed' = 'Absent'
  readonly attributes: string[] = []

  answer(what: What, attribute: string): Said {
    const living = this.state !== 'Absent' && this.state !== 'Destroyed'
    if (what === 'create') return this.#become(this.state === 'Absent', 'PreActive')
    if (this.state === 'Absent') return { said: 'not-found' }
    if (what === 'state') return { said: 'done', state: this.state }
    if (what === 'attributes') return { said: 'done', attributes: this.attributes.toSorted() }
    if (what === 'get') return living ? got : { said: 'not-found' }
    if (what === 'activate') return this.#become(this.state === 'PreActive', 'Active')
    if (what === 'revoke') return this.#become(this.state === 'Active', 'Deactivated')
    if (what === 'destroy')
      return this.#become(this.state === 'PreActive' || this.state === 'Deactivated', 'Destroyed')
    this.attributes.push(attribute)
    return done
  }

  #become(allowed: boolean, state: Sequential['state']): Said {
    if (!allowed) return { said: 'refused' }
    this.state = state
    return done
  }
}

test('a history of a sequential server is accepted, however its calls overlap and whatever answers are lost', () => {
  let judged = 0
  assertProperty(
    property(array(asked, { minLength: 5, maxLength: 60 }), (all) => {
      const servers = { a: new Sequential(), b: new Sequential() }
      const byKey = new Map<string, Call[]>()
      for (const [index, { key, what, before, after, lost, happens }] of all.entries()) {
        // No two moments are the same.
        const moment = 1_000 * (index + 1)
        const attribute = `x-${String(index).padStart(3, '0')}`
        const isLost = lost === 0
        if (what === 'create' && servers[key].state !== 'Absent') continue
        if (isLost && !happens && what === 'create') continue
        const said = isLost && !happens ? nothing : servers[key].answer(what, attribute)
        const call: Call = {
          key,
          client: `c${index}`,
          what,
          ...(what === 'add' && { attribute }),
          start: moment - 100 * before - (index % 97),
          end: isLost && after % 2 === 0 ? Infinity : moment + 100 * after + (index % 89),
          answer: isLost ? nothing : said,
        }
        byKey.set(key, [...(byKey.get(key) ?? []), call])
        judged += 1
      }
      assert.deepEqual(violations(byKey), [])
    }),
    { numRuns: 500 },
  )
  assert.ok(judged > 5_000, `${judged} calls`)
})

test('the record keeps order, and closes what a dead server left open', () => {
  const record = new History()
  const create = record.begin('one', 'create')
  record.end(create, 'k', done)
  const revoke = record.begin('one', 'revoke')
  const read = record.begin('two', 'state')
  record.end(read, 'k', shown('PreActive'))
  record.end(revoke, 'k', nothing)
  record.end(record.begin('one', 'create'), null, nothing)
  record.serverIsDead()
  const calls = record.keys.get('k') ?? []
  assert.deepEqual(
    calls.map(({ what, start, end }) => [what, start, end]),
    [
      ['create', 1, 2],
      ['state', 4, 5],
      ['revoke', 3, 7],
    ],
  )
  assert.equal(record.createsUnanswered, 1)
})
