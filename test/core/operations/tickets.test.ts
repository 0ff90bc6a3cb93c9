// Tickets: of one owner, bounded in time and number, ended by Logout; rights permit what they name.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  ticketMs,
  ticketMsMax,
  ticketRightsMax,
  ticketsMax,
  ticketsPerOwnerMax,
} from '../../../src/core/operations/tickets.ts'
import { Tickets } from '../../../src/core/operations/tickets.ts'
import { faults } from '../../support/server/core.ts'
import { MovableClock } from '../../support/time/movable-clock.ts'

function open() {
  const clock = new MovableClock()
  return { clock, tickets: new Tickets(clock) }
}

test('a ticket is for its owner, until its lease is over or it is revoked', () => {
  const { clock, tickets } = open()
  const ticket = tickets.issue('a', { LeaseTime: 60 })
  assert.equal(tickets.use('a', ticket, 1), undefined)
  assert.throws(() => tickets.use('b', ticket, 1), faults('InvalidTicket'))
  assert.throws(() => tickets.revoke('b', ticket), faults('InvalidTicket'))
  clock.pass(60_000)
  assert.throws(() => tickets.use('a', ticket, 1), faults('InvalidTicket'))
  const other = tickets.issue('a', {})
  tickets.revoke('a', other)
  assert.throws(() => tickets.use('a', other, 1), faults('InvalidTicket'))
  const unknown = { ...other, TicketValue: Buffer.alloc(32) }
  assert.throws(() => tickets.use('a', unknown, 1), faults('InvalidTicket'))
})

test('the lease is an interval or a date, never longer than the most', () => {
  const { clock, tickets } = open()
  const until = BigInt(Math.floor(clock.now() / 1000)) + 10n
  const [date, long, none] = [
    tickets.issue('a', { LeaseTime: until }),
    tickets.issue('a', { LeaseTime: 0xffff_ffff }),
    tickets.issue('a', { LeaseTime: 0 }),
  ]
  clock.pass(11_000)
  assert.throws(() => tickets.use('a', date, 1), faults('InvalidTicket'))
  tickets.use('a', none, 1)
  clock.pass(ticketMs)
  assert.throws(() => tickets.use('a', none, 1), faults('InvalidTicket'))
  tickets.use('a', long, 1)
  clock.pass(ticketMsMax)
  assert.throws(() => tickets.use('a', long, 1), faults('InvalidTicket'))
  assert.throws(() => tickets.issue('a', { LeaseTime: until }), faults('InvalidField'))
})

const objects = (count: number) => ({
  UniqueIdentifier: Array.from({ length: count }, (_, index) => String(index)),
})

test('the rights of a ticket name so many operations, objects and groups, all together', () => {
  const { tickets } = open()
  const issue = (right: object, count: number) =>
    tickets.issue('a', { Rights: { Right: Array.from({ length: count }, () => right) } })
  issue({}, ticketRightsMax)
  issue({ Objects: objects(ticketRightsMax - 1) }, 1)
  const half = ticketRightsMax / 2
  for (const right of [
    { Objects: objects(half) },
    { ObjectGroups: { ObjectGroup: objects(half).UniqueIdentifier } },
    { Operations: { Operation: Array.from({ length: half }, () => 'Get') } },
  ])
    assert.throws(() => issue(right, 2), faults('InvalidField', /rights/))
  assert.throws(() => issue({}, ticketRightsMax + 1), faults('InvalidField', /rights/))
})

test('requests and operations are counted; 0 requests means any number', () => {
  const { tickets } = open()
  const requests = tickets.issue('a', { RequestCount: 2 })
  tickets.use('a', requests, 5)
  tickets.use('a', requests, 5)
  assert.throws(() => tickets.use('a', requests, 1), faults('UsageLimitExceeded'))
  const usage = { UsageLimitsTotal: 5n, UsageLimitsUnit: 'Object' } as const
  const operations = tickets.issue('a', { RequestCount: 0, UsageLimits: usage })
  tickets.use('a', operations, 3)
  assert.throws(() => tickets.use('a', operations, 3), faults('UsageLimitExceeded'))
  tickets.use('a', operations, 2)
  assert.throws(() => tickets.issue('a', { RequestCount: -1 }), faults('InvalidField'))
  const bytes = { ...usage, UsageLimitsUnit: 'Byte' } as const
  assert.throws(() => tickets.issue('a', { UsageLimits: bytes }), faults('FeatureNotSupported'))
})

test('one owner has so many tickets; those that are over make room', () => {
  const { clock, tickets } = open()
  for (let count = 0; count < ticketsPerOwnerMax; count++) tickets.issue('a', {})
  assert.throws(() => tickets.issue('a', {}), faults('PermissionDenied'))
  tickets.issue('b', {})
  clock.pass(ticketMs)
  tickets.issue('a', {})
})

test('the clients of one instance leave tickets to others', () => {
  const { tickets } = open()
  const most = ticketsMax * 0.75
  const client = (instance: string, n: number) =>
    tickets.issue(JSON.stringify([instance, Math.floor(n / ticketsPerOwnerMax)]), {})
  for (let n = 0; n < most; n++) client('a', n)
  assert.throws(() => client('a', most), faults('PermissionDenied'))
  client('b', 0)
})

const noGroups = () => []

test('rights: at least one of them permits the operation and the object', async () => {
  const { tickets } = open()
  const Right = [
    { Operations: { Operation: ['Query' as const] } },
    { Operations: { Operation: ['Get' as const] }, Objects: { UniqueIdentifier: ['one'] } },
  ]
  const rights = tickets.use('a', tickets.issue('a', { Rights: { Right } }), 1)
  await rights?.require('Query', null, noGroups)
  await rights?.require('Get', 'one', noGroups)
  for (const [operation, object] of [
    ['Get', 'two'],
    ['Get', null],
    ['Destroy', 'one'],
  ] as const)
    await assert.rejects(async () => rights?.require(operation, object, noGroups), faults('NotAuthorised'))
  const none = tickets.use('a', tickets.issue('a', { Rights: { Right: [] } }), 1)
  await assert.rejects(async () => none?.require('Query', null, noGroups), faults('NotAuthorised'))
})

test('rights by group: of what is in one of them, and of nothing that is made', async () => {
  const { tickets } = open()
  const Right = [
    { Operations: { Operation: ['Get' as const] }, ObjectGroups: { ObjectGroup: ['red', 'blue'] } },
  ]
  const rights = tickets.use('a', tickets.issue('a', { Rights: { Right } }), 1)
  await rights?.require('Get', 'one', async () => ['green', 'blue'])
  await rights?.require('Get', 'one', () => ['red'])
  for (const groups of [[], ['green']])
    await assert.rejects(async () => rights?.require('Get', 'one', () => groups), faults('NotAuthorised'))
  await assert.rejects(async () => rights?.require('Get', null, () => ['red']), faults('NotAuthorised'))
  await assert.rejects(
    async () => rights?.require('Destroy', 'one', () => assert.fail('the groups do not matter')),
    faults('NotAuthorised'),
  )
})

const limited = (count: bigint) => ({ UsageLimitsTotal: count, UsageLimitsUnit: 'Object' as const })

test('rights with limits: so many operations each, and then the next one that permits it', async () => {
  const { tickets } = open()
  const Right = [
    { Operations: { Operation: ['Get' as const] }, UsageLimits: limited(2n) },
    { Objects: { UniqueIdentifier: ['one'] }, UsageLimits: limited(1n) },
  ]
  const rights = tickets.use('a', tickets.issue('a', { Rights: { Right } }), 1)
  const get = (object: string) => rights?.require('Get', object, () => [])
  for (const object of ['two', 'one', 'one']) await get(object)
  await assert.rejects(async () => get('one'), faults('UsageLimitExceeded'))
  await assert.rejects(async () => rights?.require('Destroy', 'two', () => []), faults('NotAuthorised'))
  const bytes = { Right: [{ UsageLimits: { UsageLimitsTotal: 1n, UsageLimitsUnit: 'Byte' as const } }] }
  assert.throws(() => tickets.issue('a', { Rights: bytes }), faults('FeatureNotSupported'))
})
