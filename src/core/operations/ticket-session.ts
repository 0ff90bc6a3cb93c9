// The tickets of the client that sent a message, and the one that the message carries.

import { Fault } from '../../wire/kmip/fault.ts'
import type { RequestMessage } from '../../wire/kmip/message.ts'
import type { Rights, Tickets } from './tickets.ts'

export class TicketSession {
  readonly #tickets: Tickets
  readonly #owner: string
  readonly #carried: Parameters<Tickets['use']>[1] | undefined
  /** Undefined: the client may do everything that it may do without a ticket. */
  readonly rights: Rights | undefined

  /** Counts the message for the ticket that it carries. Throws Faults InvalidTicket and UsageLimitExceeded. */
  constructor(tickets: Tickets, owner: string, { credentials, items }: RequestMessage) {
    this.#tickets = tickets
    this.#owner = owner
    const [carried, ...more] = credentials.flatMap((one) =>
      one.CredentialType === 'Ticket' ? [one.CredentialValue.Ticket] : [],
    )
    if (more.length > 0) throw new Fault('InvalidTicket', 'a request carries one ticket')
    this.#carried = carried
    if (carried) this.rights = tickets.use(owner, carried, items.length)
  }

  /** Whether a ticket authenticates the message. */
  get hasTicket(): boolean {
    return this.#carried !== undefined
  }

  /** Counts one more operation for the ticket. Returns a function that undoes the count. Throws as the constructor does. */
  useAgain(): (() => void) | undefined {
    return this.#carried && this.#tickets.useAgain(this.#owner, this.#carried)
  }

  /** A ticket cannot issue another ticket, which could outlive it and permit more. */
  issue(request: Parameters<Tickets['issue']>[1]): ReturnType<Tickets['issue']> {
    if (this.hasTicket) throw new Fault('PermissionDenied', 'log in without a ticket')
    return this.#tickets.issue(this.#owner, request)
  }

  /** Removes a ticket that its client never received. */
  withdraw(ticket: Parameters<Tickets['withdraw']>[0]): void {
    this.#tickets.withdraw(ticket)
  }

  /** Returns a function that restores the ticket. */
  revoke(ticket: Parameters<Tickets['revoke']>[1]): () => void {
    return this.#tickets.revoke(this.#owner, ticket)
  }
}

/** For versions without tickets, which lack the operations that use them. */
export const noTickets: Pick<TicketSession, 'issue' | 'withdraw' | 'revoke'> = {
  issue: none,
  withdraw: none,
  revoke: none,
}

function none(): never {
  throw new Fault('OperationNotSupported', 'this version of KMIP has no tickets')
}
