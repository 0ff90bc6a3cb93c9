// Tickets (KMIP 2.1 §6.1.12, §6.1.30, §6.1.31): a client logs in and then authenticates requests with a ticket. TLS still
// identifies the client: a ticket replaces the password of the client that logged in, and works for no other client. A delegated
// one permits less. The issuing process keeps tickets as their SHA-256, bounded in number and time; a restart ends them all.

import { createHash, randomBytes } from 'node:crypto'
import { groupNames } from '../../wire/kmip/attributes3.ts'
import { Fault } from '../../wire/kmip/fault.ts'
import type { OperationName, Request, Response } from '../../wire/kmip/operations.ts'
import type { OperationRights } from '../keys/transaction/operation-rights.ts'
import { andThen, type MaybePromise } from '../../base/maybe-promise.ts'
import type { Clock } from '../ports/clock.ts'
import { isFull } from '../trust/caller.ts'

/** The most tickets of clients that logged in (core/operations/tickets.ts): of one client, and of all; and the longest life of one. */
export const ticketsPerOwnerMax = 100
export const ticketsMax = 10_000
/** The most rights of one ticket, with the operations, objects and groups that they name. */
export const ticketRightsMax = 1_000
export const ticketMs = 3_600_000
export const ticketMsMax = 24 * 3_600_000

type LoginRequest = Request<'Login'> & Partial<Pick<Request<'DelegatedLogin'>, 'Rights'>>
type Ticket = Response<'Login'>['Ticket']

/** The rights of a delegated ticket. They throw the Faults NotAuthorised and UsageLimitExceeded. */
export type Rights = OperationRights

interface Entry {
  readonly owner: string
  readonly rights: Rights | undefined
  /** Monotonic milliseconds. */
  readonly endsAt: number
  requestsLeft: number
  operationsLeft: bigint
}

export class Tickets {
  readonly #clock: Pick<Clock, 'now' | 'monotonic'>
  /** By the SHA-256 of the value, hex; the oldest first. */
  readonly #entries = new Map<string, Entry>()

  constructor(clock: Pick<Clock, 'now' | 'monotonic'>) {
    this.#clock = clock
  }

  /** `owner`: the client that may use it. Throws Faults InvalidField, FeatureNotSupported, and PermissionDenied at the limit. */
  issue(owner: string, request: LoginRequest): Ticket {
    const entry = {
      owner,
      rights: request.Rights && rightsOf(request.Rights),
      endsAt: this.#clock.monotonic() + this.#leaseMs(request.LeaseTime),
      requestsLeft: requestsMaxOf(request.RequestCount),
      operationsLeft: operationsMaxOf(request.UsageLimits),
    }
    this.#makeRoom(owner)
    const TicketValue = randomBytes(32)
    this.#entries.set(nameOf(TicketValue), entry)
    return { TicketType: 'Login', TicketValue }
  }

  /** Removes a ticket that its client never received. */
  withdraw({ TicketValue }: Ticket): void {
    this.#entries.delete(nameOf(TicketValue))
  }

  /** Returns a function that restores the ticket. Throws Fault InvalidTicket. */
  revoke(owner: string, { TicketValue }: Ticket): () => void {
    const entry = this.#of(owner, TicketValue)
    const name = nameOf(TicketValue)
    this.#entries.delete(name)
    return () => {
      this.#entries.set(name, entry)
    }
  }

  /** Counts one request with this number of operations. Throws Faults InvalidTicket and UsageLimitExceeded. */
  use(owner: string, { TicketValue }: Ticket, operations: number): Rights | undefined {
    const entry = this.#of(owner, TicketValue)
    if (entry.requestsLeft < 1 || entry.operationsLeft < BigInt(operations)) throw usedUp()
    entry.requestsLeft -= 1
    entry.operationsLeft -= BigInt(operations)
    return entry.rights
  }

  /** Counts one more operation, for a repetition of an item. Returns a function that undoes the count. Throws as `use` does. */
  useAgain(owner: string, { TicketValue }: Ticket): () => void {
    const entry = this.#of(owner, TicketValue)
    if (entry.operationsLeft < 1n) throw usedUp()
    entry.operationsLeft -= 1n
    return () => {
      entry.operationsLeft += 1n
    }
  }

  #of(owner: string, value: Uint8Array): Entry {
    const entry = this.#entries.get(nameOf(value))
    if (entry?.owner === owner && entry.endsAt > this.#clock.monotonic()) return entry
    throw new Fault('InvalidTicket', 'this client has no such ticket, or it has ended: log in again')
  }

  /** The life of the ticket. An Interval counts seconds, and 0 means as long as possible; a Date-Time is the end. */
  #leaseMs(lease: LoginRequest['LeaseTime']): number {
    const endMs = typeof lease === 'bigint' ? Number(lease) * 1000 - this.#clock.now() : (lease ?? 0) * 1000
    if (typeof lease === 'bigint' && endMs <= 0)
      throw new Fault('InvalidField', 'the Lease Time is over already')
    return endMs === 0 ? ticketMs : Math.min(endMs, ticketMsMax)
  }

  #makeRoom(owner: string): void {
    const now = this.#clock.monotonic()
    for (const [name, { endsAt }] of this.#entries) if (endsAt <= now) this.#entries.delete(name)
    const held = [...this.#entries.values()].map((entry) => entry.owner)
    const partyMax = ticketsPerOwnerMax
    const max = ticketsMax
    if (!isFull(held, owner, { partyMax, max })) return
    throw new Fault('PermissionDenied', 'too many tickets are in use: log out of some')
  }
}

function usedUp(): Fault {
  return new Fault('UsageLimitExceeded', 'the ticket permits no more requests: log in again')
}

function nameOf(value: Uint8Array): string {
  return createHash('sha256').update(value).digest('hex')
}

/** 0 means without limit, as in the published cases. */
function requestsMaxOf(count = 0): number {
  if (count < 0) throw new Fault('InvalidField', 'Request Count must not be negative')
  return count === 0 ? Infinity : count
}

const unlimited = 2n ** 63n

function operationsMaxOf(usage: LoginRequest['UsageLimits']): bigint {
  if (!usage) return unlimited
  if (usage.UsageLimitsUnit !== 'Object')
    throw new Fault('FeatureNotSupported', 'a ticket counts operations: give its Usage Limits in objects')
  if (usage.UsageLimitsTotal < 1n) throw new Fault('InvalidField', 'Usage Limits Total must be above 0')
  return usage.UsageLimitsTotal
}

interface Right {
  /** Undefined: all operations. */
  readonly operations: ReadonlySet<OperationName> | undefined
  readonly objects: ReadonlySet<string> | undefined
  readonly groups: readonly string[] | undefined
  operationsLeft: bigint
}

/** KMIP 2.1 §7.34: at least one right must permit the operation; a field that a right leaves out restricts nothing. */
function rightsOf({ Right }: NonNullable<LoginRequest['Rights']>): Rights {
  // The rights stay in memory as long as the ticket.
  if (Right.reduce((sum, right) => sum + namesIn(right), 0) > ticketRightsMax)
    throw new Fault(
      'InvalidField',
      `the rights of a ticket, with the operations, objects and groups that they name, are ${ticketRightsMax} at most`,
    )
  const rights = Right.map(rightOf)
  return {
    require: (...args) => andThen(permitting(rights, ...args), (those) => spend(those, args[0])),
    requireUse: (...args) => andThen(permitting(rights, ...args), () => undefined),
  }
}

/** The rights that permit the operation, even if used up. Throws Fault NotAuthorised if there is none. */
function permitting(
  rights: readonly Right[],
  ...[operation, object, groups]: Parameters<Rights['require']>
): MaybePromise<readonly Right[]> {
  const fitting = rights.filter((right) => fits(right, operation, object))
  const grouped = fitting.some((right) => right.groups !== undefined) && object !== null
  return andThen(grouped ? groups() : [], (own) => {
    const those = fitting.filter((right) => right.groups?.some((group) => own.includes(group)) ?? true)
    if (those.length > 0) return those
    throw new Fault('NotAuthorised', `the ticket does not permit ${operation} here`)
  })
}

type WireRight = NonNullable<LoginRequest['Rights']>['Right'][number]

/** Counts the right itself and the names in it. */
function namesIn({ Operations, Objects, ObjectGroups = {} }: WireRight): number {
  const { ObjectGroup = [], GroupLink = [] } = ObjectGroups
  const names = [Operations?.Operation ?? [], Objects?.UniqueIdentifier ?? [], ObjectGroup, GroupLink]
  return names.reduce((sum, { length }) => sum + length, 1)
}

function rightOf({ Operations, Objects, ObjectGroups, UsageLimits }: WireRight): Right {
  const objects = Objects?.UniqueIdentifier.map((id) => {
    if (typeof id === 'string') return id
    throw new Fault('InvalidField', 'a right names objects by their Unique Identifiers')
  })
  return {
    operations: Operations && new Set(Operations.Operation),
    objects: objects && new Set(objects),
    groups: ObjectGroups && groupNames(ObjectGroups),
    operationsLeft: operationsMaxOf(UsageLimits),
  }
}

function fits(
  { operations, objects, groups }: Right,
  operation: OperationName,
  object: string | null,
): boolean {
  if (object === null && groups !== undefined) return false
  return (operations?.has(operation) ?? true) && (!objects || (object !== null && objects.has(object)))
}

/** Counts the operation for the first right that is not used up. Returns a function that undoes the count. */
function spend(those: readonly Right[], operation: OperationName): () => void {
  const right = those.find(({ operationsLeft }) => operationsLeft > 0n)
  if (!right)
    throw new Fault('UsageLimitExceeded', `the ticket permits no more of ${operation}: its right is used up`)
  right.operationsLeft -= 1n
  return () => {
    right.operationsLeft += 1n
  }
}
