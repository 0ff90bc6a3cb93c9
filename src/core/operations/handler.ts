// A handler of an operation: a function from the request's values to the response's values. It has no access to the
// socket, the bytes or the log. It works on keys only through `transaction`, which commits after the handler
// returns.

import type { Asynchronous } from './asynchronous.ts'
import type { OperationName, Request, Response } from '../../wire/kmip/operations.ts'
import type { Version } from '../../wire/kmip/version.ts'
import type { MaybePromise } from '../../base/maybe-promise.ts'
import type { SignedCertificate } from '../keys/certificates/re-provision.ts'
import type { KeyTransaction } from '../keys/key-transaction.ts'
import type { Pace } from '../keys/transaction/pace.ts'
import type { Pkcs11Uses } from './pkcs11-uses.ts'
import type { ServerFacts } from './server-facts.ts'
import type { TicketSession } from './ticket-session.ts'

export interface Context {
  readonly transaction: KeyTransaction
  /** The request's version. The answer must not contain anything newer. */
  readonly version: Version
  readonly placeholder: IdPlaceholder
  readonly asynchronous: Pick<Asynchronous, 'cancel' | 'hurry' | 'pending'>
  /** The uses that clients began with C_Initialize. */
  readonly pkcs11Uses: Pick<Pkcs11Uses, 'begin' | 'renew' | 'end' | 'restore'>
  /** The message's connection. */
  readonly endpoint: Endpoint
  /** The client's certificate. */
  readonly provisioner: Provisioner
  /** The tickets of the client. */
  readonly session: Pick<TicketSession, 'issue' | 'withdraw' | 'revoke'>
  /** Lets long work take turns with other requests. */
  readonly pace: Pace
  readonly server: ServerFacts
  /** Warns administrators about a successful operation. Its commit may still fail. */
  readonly warn: (message: string, facts: object) => void
  /** Returns the maximum size of the response payload. */
  readonly bytesMax: () => number
}

/** The connection of a message. */
export interface Endpoint {
  /** Whether its roles can change: not over HTTPS, where only the connecting side sends requests. */
  readonly canChange: boolean
  /** Whether a ticket authenticates the message. */
  readonly hasTicket: boolean
  /** Whether this client may have one more such connection. */
  hasRoom(): boolean
}

/** The certificate that authenticates the message, and the way to replace it. */
export interface Provisioner {
  /** Whether it has expired and is served in grace. */
  readonly isExpired: boolean
  /** PKCS#10, in DER or PEM. Throws Fault InvalidCSR. */
  sign(request: Uint8Array): Promise<SignedCertificate>
  /** Records that the rest of the message was sent with this certificate, once it is trusted. */
  replaced(by: SignedCertificate): void
}

export type Handler<N extends OperationName> = (
  context: Context,
  request: Request<N>,
) => MaybePromise<Response<N>>

/** The ID Placeholder: the object that an earlier item of the batch referred to last (KMIP 1.4 §4). */
export interface IdPlaceholder {
  /** Throws Fault ObjectNotFound if neither the item nor the placeholder names an object. */
  resolve(uniqueIdentifier: Request<'Get'>['UniqueIdentifier']): string
  set(uniqueIdentifier: string | undefined): void
}
