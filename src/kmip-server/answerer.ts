// Between the door and the operations: one message in, one answer out. Here a peer becomes a caller, strangers are
// refused (design: invariant 11), and who knocked, who was seen and what failed is told to those who keep it.

import { randomUUID } from 'node:crypto'
import type { Access, AuthResult } from '../trust/access.ts'
import type { Audit } from '../audit/audit.ts'
import type { Caller } from '../trust/caller.ts'
import type { matchesCredential } from '../trust/credential.ts'
import type { Keys } from '../keys/keys.ts'
import type { Pace } from '../keys/pace.ts'
import type { Pending } from '../trust/pending.ts'
import type { Clock } from '../ports/clock.ts'
import type { LastSeen } from '../trust/last-seen.ts'
import { Fault } from '../kmip/fault.ts'
import {
  decodeRequest,
  encodeResponse,
  refusal,
  RequestError,
  type RequestMessage,
  type ResponseItem,
  type ResponseMessage,
} from '../kmip/message.ts'
import type { Version } from '../kmip/version.ts'
import { limits } from '../limits.ts'
import { answerBatch, type OperationResult } from '../operations/batch.ts'
import type { Handlers } from '../operations/handlers.ts'
import { AnswerRoom } from '../operations/response-size.ts'
import { newestServed, isServed } from '../operations/served.ts'
import { neighbourhood } from './address.ts'
import { CredentialGate } from './credential-gate.ts'
import type { Answer, DoorLog, DoorOptions, Exchange, HandshakeOutcome, Peer, Unreadable } from './door.ts'
import type { Party } from './fair-queue.ts'
import { Shares } from './shares.ts'
import { Strangers } from './strangers.ts'

export interface AnswererOptions {
  readonly access: Access
  readonly keys: Keys
  readonly handlers: Handlers
  readonly pending: Pending
  readonly lastSeen: LastSeen
  readonly audit: Audit
  readonly clock: Clock
  readonly log: DoorLog
  /** Whether a user name and password are the client's. */
  readonly matchesCredential: typeof matchesCredential
  /** Each handshake: `trusted`, or why not. */
  readonly greeted: (verdict: string) => void
  /** Each batch item: what was asked, how it ended, how long it took. */
  readonly operated: (result: OperationResult) => void
}

type ResponseHeader = Omit<ResponseMessage, 'items'>

interface AnswererParts {
  /** None of them throws for anything a peer sends. */
  readonly door: Required<Pick<DoorOptions, 'answer' | 'isTrusted' | 'answerUnreadable' | 'onHandshake'>>
  /** Enters in the audit what was only counted so far. */
  close(): Promise<void>
}

/** The parts of the door that answer. */
export function createAnswerer(options: AnswererOptions): AnswererParts {
  const answerer = new Answerer(options)
  const door: AnswererParts['door'] = {
    answer: (message, peer, exchange) => answerer.answer(message, peer, exchange),
    isTrusted: async (peer) => (await options.access.identify(peer)).trusted,
    answerUnreadable: (reason) => answerer.unreadable(reason),
    onHandshake: (outcome) => answerer.greet(outcome),
  }
  return { door, close: () => answerer.close() }
}

class Answerer {
  readonly #options: AnswererOptions
  readonly #strangers: Strangers
  readonly #gate: CredentialGate
  readonly #shares: Shares
  /** The party whose turns a peer's requests take, as of the last verdict on the peer. */
  readonly #parties = new WeakMap<Peer, Party>()

  constructor(options: AnswererOptions) {
    this.#options = options
    this.#shares = new Shares(() => options.clock.monotonic())
    this.#strangers = new Strangers(options)
    this.#gate = new CredentialGate(options.matchesCredential, () => options.clock.monotonic())
  }

  close(): Promise<void> {
    return this.#strangers.close()
  }

  async answer(bytes: Buffer, peer: Peer, exchange: Exchange): Promise<Answer> {
    const { abandoned } = exchange
    try {
      const pace = this.#shares.paceOf(this.#parties.get(peer) ?? stranger(peer), abandoned)
      await pace.turn()
      const request = decodeRequest(bytes)
      if (!isServed(request.version)) return refused(unserved(request.version), this.#now())
      const verdict = await this.#identify(peer)
      const requestId = randomUUID()
      const header = this.#header(request, requestId)
      const room = new AnswerRoom(header, {
        maximumBytes: request.maximumResponseSize,
        reserve: (more) => exchange.reserve(more),
      })
      const items = verdict.trusted
        ? await this.#serve(request, { peer, pace, room, requestId }, verdict)
        : this.#counted(request, this.#strangers.refuse(request, peer, verdict))
      return { bytes: encoded({ ...header, items }), close: false }
    } catch (error) {
      if (error instanceof RequestError) return refused(error, this.#now())
      // The peer left before its turn came.
      if (abandoned.aborted) return { bytes: Buffer.alloc(0), close: true }
      throw error
    } finally {
      // A Register carried key material.
      bytes.fill(0)
    }
  }

  /** The last words to a peer whose bytes are not read. */
  unreadable(reason: Unreadable): Buffer {
    const fault = new Fault('InvalidMessage', unreadableSentences[reason])
    const known = { version: newestServed, headerRead: false }
    return encodeResponse(refusal(new RequestError(fault, known), this.#now()))
  }

  /** A handshake was made: whoever is not trusted is pending from here on, also without a byte (vCenter does that). */
  async greet(outcome: HandshakeOutcome): Promise<boolean> {
    if (!outcome.ok) return false
    const verdict = await this.#identify(outcome.peer)
    this.#greeted(outcome.peer, verdict)
    return verdict.trusted
  }

  async #identify(peer: Peer): Promise<AuthResult> {
    const verdict = await this.#options.access.identify(peer)
    this.#parties.set(
      peer,
      verdict.trusted ? { group: verdict.instance.id, member: verdict.client.id } : stranger(peer),
    )
    return verdict
  }

  async #serve(
    request: RequestMessage,
    about: {
      readonly peer: Peer
      readonly pace: Pace
      readonly room: AnswerRoom
      readonly requestId: string
    },
    first: AuthResult & { readonly trusted: true },
  ): Promise<readonly ResponseItem[]> {
    const { access, keys, handlers, log, operated, clock } = this.#options
    const { peer, pace, room, requestId } = about
    this.#seen(peer, first)
    const wrong = await this.#gate.check(peer, first.client, request)
    if (wrong) return this.#counted(request, this.#strangers.refuseItems(request, peer, first.client, wrong))
    // The first item is judged on what was read for this message; its commit fails if that has changed since.
    let read: AuthResult | undefined = first
    const identify = async (): Promise<Caller> => {
      const verdict = read ?? (await access.identify(peer))
      read = undefined
      if (!verdict.trusted) throw this.#strangers.fault(peer, verdict)
      return access.callerOf(verdict, peer, requestId)
    }
    const unexpected = (error: unknown, operation: string) => {
      log.error('an operation failed', { error, operation, requestId })
    }
    return answerBatch(request, {
      keys,
      handlers,
      identify,
      pace,
      room,
      unexpected,
      onOperation: operated,
      clock,
    })
  }

  /** Who is refused at the door counts too. Takes no time worth measuring. */
  #counted(request: RequestMessage, items: readonly ResponseItem[]): readonly ResponseItem[] {
    for (const [index, { reason = 'failed' }] of items.entries())
      this.#options.operated({
        operation: request.items[index]?.operation ?? null,
        result: reason,
        seconds: 0,
      })
    return items
  }

  #greeted(peer: Peer, verdict: AuthResult): void {
    this.#options.greeted(verdict.trusted ? 'trusted' : verdict.why)
    if (verdict.trusted) this.#seen(peer, verdict)
    else this.#strangers.knock(peer, verdict)
  }

  #seen(peer: Peer, verdict: AuthResult): void {
    if (!peer.certificate || !verdict.trusted) return
    this.#options.lastSeen.note(peer.certificate.sha256, peer.address)
    if (verdict.expiredDays !== null) this.#strangers.warnExpired(peer.certificate.sha256, verdict)
  }

  #header({ version, clientCorrelationValue }: RequestMessage, requestId: string): ResponseHeader {
    // KMIP 1.4 §6.19: who names a request of theirs is told what it is called in our log and audit.
    const serverCorrelationValue = clientCorrelationValue === undefined ? undefined : requestId
    return { version, timeStamp: this.#now(), serverCorrelationValue }
  }

  #now(): bigint {
    return BigInt(Math.floor(this.#options.clock.now() / 1000))
  }
}

function encoded(response: ResponseMessage): Buffer {
  const bytes = encodeResponse(response)
  // The message holds copies.
  for (const { payload } of response.items) payload?.fill(0)
  return bytes
}

/** All strangers together have the share of one instance. */
function stranger({ address }: Peer): Party {
  return { group: 'strangers', member: neighbourhood(address) }
}

function unserved(version: Version): RequestError {
  const what = `this server speaks KMIP 1.0 to ${newestServed}, not ${version}`
  return new RequestError(new Fault('InvalidMessage', what), { version, headerRead: true })
}

/** In the message's own version if that is served, else in one that says what is. */
function refused(error: RequestError, timeStamp: bigint): Answer {
  const version = isServed(error.version) ? error.version : newestServed
  return { bytes: encodeResponse({ ...refusal(error, timeStamp), version }), close: false }
}

const unreadableSentences: Record<Unreadable, string> = {
  malformed: 'these bytes do not begin a KMIP message',
  'too-large': `a message may have ${String(limits.messageBytesMax)} bytes at most`,
  stranger: `a message of a client that is not trusted may have ${String(limits.strangerMessageBytesMax)} bytes at most`,
  busy: 'the server has too much to do: try again',
}
