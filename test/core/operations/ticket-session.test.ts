// The ticket that a message carries: it is counted once for the message, and makes no other ticket.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RequestMessage } from '../../../src/wire/kmip/message.ts'
import { noTickets, TicketSession } from '../../../src/core/operations/ticket-session.ts'
import { Tickets } from '../../../src/core/operations/tickets.ts'
import { faults } from '../../support/server/core.ts'
import { MovableClock } from '../../support/time/movable-clock.ts'

type Ticket = ReturnType<Tickets['issue']>

const message = (carried: readonly Ticket[], items: number) => {
  const credentials = [
    { CredentialType: 'UsernameAndPassword', CredentialValue: { Username: 'u' } },
    ...carried.map((ticket) => ({ CredentialType: 'Ticket', CredentialValue: { Ticket: ticket } })),
  ]
  return { credentials, items: Array.from({ length: items }) } as unknown as RequestMessage
}

function open() {
  const tickets = new Tickets(new MovableClock())
  const session = (carried: readonly Ticket[], items = 1) =>
    new TicketSession(tickets, 'a', message(carried, items))
  return { tickets, session }
}

const three = { UsageLimits: { UsageLimitsTotal: 3n, UsageLimitsUnit: 'Object' } } as const

test('a message without a ticket has all rights of its client, and may ask for tickets and give them back', () => {
  const { session } = open()
  const own = session([])
  assert.deepEqual([own.hasTicket, own.rights, own.useAgain()], [false, undefined, undefined])
  const ticket = own.issue({})
  assert.ok(session([ticket]).hasTicket)
  own.revoke(ticket)
  assert.throws(() => session([ticket]), faults('InvalidTicket'))
})

test('each item counts for the ticket, and so does each repetition, unless it is given back', () => {
  const { tickets, session } = open()
  const ticket = tickets.issue('a', three)
  const carrying = session([ticket], 2)
  const giveBack = carrying.useAgain()
  assert.throws(() => carrying.useAgain(), faults('UsageLimitExceeded'))
  giveBack?.()
  assert.ok(carrying.useAgain())
  assert.throws(() => session([ticket]), faults('UsageLimitExceeded'))
})

test('a ticket has its rights, makes no other ticket, and comes alone and from its owner', () => {
  const { tickets, session } = open()
  const delegated = tickets.issue('a', { Rights: { Right: [{ Operations: { Operation: ['Get'] } }] } })
  const carrying = session([delegated])
  assert.throws(() => carrying.rights?.require('Create', null, () => []), faults('NotAuthorised'))
  assert.throws(() => carrying.issue({}), faults('PermissionDenied', /without a ticket/))
  assert.throws(() => session([delegated, delegated]), faults('InvalidTicket', /one ticket/))
  assert.throws(() => session([tickets.issue('b', {})]), faults('InvalidTicket', /no such ticket/))
})

test('versions without tickets have none', () => {
  for (const name of ['issue', 'revoke'] as const)
    assert.throws(() => noTickets[name]({} as never), faults('OperationNotSupported', /no tickets/))
})
