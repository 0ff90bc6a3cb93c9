// Answers each message of the listener with the operations of the core, in one class and long because of that. It
// authenticates the peer as a caller, refuses unauthenticated peers (design: invariant 11), and records connections, last use and failures.

import { randomUUID } from 'node:crypto'
import type { Access, AuthResult } from '../../core/trust/access.ts'
import type { Audit } from '../../core/audit/audit.ts'
import type { Caller } from '../../core/trust/caller.ts'
import type { matchesCredential } from '../../core/trust/credential.ts'
import type { FetchUpstream } from '../../core/keys/transaction/missing-object.ts'
import type { Keys } from '../../core/keys/keys.ts'
import type { SignedCertificate } from '../../core/keys/certificates/re-provision.ts'
import type { Pace } from '../../core/keys/transaction/pace.ts'
import type { Pending } from '../../core/trust/pending.ts'
import type { Clock } from '../../core/ports/clock.ts'
import type { LastSeen } from '../../core/trust/last-seen.ts'
import type { UnservedVersions } from '../../core/trust/unserved-versions.ts'
import { Fault, faultOf } from '../../wire/kmip/fault.ts'
import {
  decodeRequest,
  encodeResponse,
  refusal,
  RequestError,
  type RequestMessage,
  type ResponseItem,
  type ResponseMessage,
} from '../../wire/kmip/message.ts'
import { atLeast, versionText, type Version } from '../../wire/kmip/version.ts'
import { messageBytesMax, untrustedMessageBytesMax } from '../../base/bounds.ts'
import type { TtlvError } from '../../wire/ttlv/error.ts'
import { andThen, orElse, type MaybePromise } from '../../base/maybe-promise.ts'
import { answerBatch } from '../../core/operations/batch.ts'
import type { BatchOptions, OperationResult } from '../../core/operations/batch-options.ts'
import { Asynchronous } from '../../core/operations/asynchronous.ts'
import { Pkcs11Uses } from '../../core/operations/pkcs11-uses.ts'
import { Notifier, type NotifierTakeOver } from '../../core/operations/notifier.ts'
import { takesServerRole } from '../../core/operations/set-endpoint-role.ts'
import { TicketSession } from '../../core/operations/ticket-session.ts'
import { Tickets } from '../../core/operations/tickets.ts'
import { AnswerRoom } from '../../core/operations/response-size.ts'
import { handledOperations } from '../../core/operations/handlers.ts'
import { serverFacts, type ProtocolSettings, type ServerFacts } from '../../core/operations/server-facts.ts'
import { subnetOf } from '../../base/address.ts'
import { ClientCertificate } from './client-certificate.ts'
import { CredentialGate } from './credential-gate.ts'
import type {
  Answer,
  ListenerLog,
  ListenerOptions,
  Exchange,
  HandshakeOutcome,
  Peer,
  Unreadable,
} from './contract.ts'
import { LargeMessages } from '../admission/credit.ts'
import { strangers, type RequestParty, type AdmissionTurns } from '../admission/turns.ts'
import { Notices } from '../../core/server/notices.ts'
import type { AnswererMetrics } from './metrics.ts'
import { inEachEncoding } from './text-answers.ts'
import { failedItems, UnauthenticatedPeers } from './unauthenticated-peers.ts'

/** The log cuts the name by which a client addresses this server after this many characters. */
const hostCharactersMax = 253
/** The bound of the answer that an asynchronous operation keeps until the client polls for it. */
const asynchronousAnswerBytesMax = 256 * 1024

export interface AnswererOptions {
  readonly access: Access
  readonly keys: Keys
  /** Fetches an object that this server does not have from another key server. */
  readonly fetchUpstream?: FetchUpstream
  /** The version of Mortise. */
  readonly version: string
  /** The part of the protocol to which an administrator restricts this server. Left out: everything that it can. */
  readonly protocol?: ProtocolSettings
  readonly pending: Pending
  readonly lastSeen: LastSeen
  readonly unservedVersions: Pick<UnservedVersions, 'note'>
  readonly audit: Audit
  readonly clock: Clock
  /** Gives each party its turns at the thread that serves TLS. */
  readonly turns: AdmissionTurns
  readonly log: ListenerLog
  /** Signs a client's certificate request with the CA of this server. Throws PkiError. */
  readonly signRequest: (request: Uint8Array) => Promise<SignedCertificate>
  /** Whether clients over HTTPS may address this server by this name or address, as contract.ts has it. */
  readonly isKnownHost: (host: string) => boolean
  /** Checks a user name and password. */
  readonly matchesCredential: typeof matchesCredential
  readonly metrics: AnswererMetrics
  /** The answerer calls it for each batch item. */
  readonly onOperation?: (result: OperationResult) => void
}

type ResponseHeader = Omit<ResponseMessage, 'items'>
type TrustedAuth = AuthResult & { readonly trusted: true }

/** The things that belong to one message and not to its connection. */
interface MessageContext {
  readonly peer: Peer
  readonly pace: Pace
  readonly room: AnswerRoom
  readonly requestId: string
  readonly exchange: Pick<Exchange, 'canReverse' | 'host'>
}

interface AnswererParts {
  /** The functions that the listener calls. None of them throws because of bytes that a peer sends. */
  readonly callbacks: Required<
    Pick<ListenerOptions, 'answer' | 'whyUnread' | 'answerUnreadable' | 'onHandshake'>
  >
  /** Writes audit entries for the refusals that were only counted so far. */
  close(): Promise<void>
}

export function createAnswerer(options: AnswererOptions): AnswererParts {
  const answerer = new Answerer(options)
  const callbacks: AnswererParts['callbacks'] = {
    ...inEachEncoding({
      answer: (message, peer, exchange, pace) => answerer.answer(message, peer, exchange, pace),
      begin: (peer, abandoned) => answerer.begin(peer, abandoned),
      worked: (peer, ms) => answerer.worked(peer, ms),
      now: () => options.clock.monotonic(),
      answerMalformed: (error) => answerer.malformed(error),
      answerUnreadable: (reason) => answerer.unreadable(reason),
    }),
    whyUnread: (peer, bytes) => answerer.whyUnread(peer, bytes),
    onHandshake: (outcome) => answerer.onHandshake(outcome),
  }
  return { callbacks, close: () => answerer.close() }
}

class Answerer {
  readonly #options: AnswererOptions
  readonly #server: ServerFacts
  readonly #served: ReadonlySet<Version>
  readonly #unauthenticated: UnauthenticatedPeers
  readonly #gate: CredentialGate
  readonly #turns: AdmissionTurns
  readonly #asynchronous: Asynchronous
  readonly #large: LargeMessages
  readonly #pkcs11Uses: Pkcs11Uses
  readonly #notifier: Notifier
  readonly #notices: Notices
  readonly #tickets: Tickets
  /** The party whose turns a peer's requests take, as of the last authentication of the peer. */
  readonly #parties = new WeakMap<Peer, RequestParty>()

  constructor(options: AnswererOptions) {
    this.#options = options
    this.#server = serverFacts(options.version, handledOperations, options.protocol)
    this.#served = new Set(this.#server.versions)
    this.#asynchronous = new Asynchronous(options.clock)
    this.#turns = options.turns
    this.#tickets = new Tickets(options.clock)
    this.#pkcs11Uses = new Pkcs11Uses(options.clock)
    this.#notifier = new Notifier(options)
    this.#notices = new Notices(options.log, () => options.clock.monotonic())
    this.#large = new LargeMessages(options.clock)
    this.#unauthenticated = new UnauthenticatedPeers(options)
    this.#gate = new CredentialGate(options.matchesCredential, () => options.clock.monotonic())
  }

  close(): Promise<void> {
    return this.#unauthenticated.close()
  }

  /** Why the peer must not send its large message of `bytes` bytes. For a trusted peer it resolves to null once its turn has come. */
  async whyUnread(peer: Peer, bytes: number): ReturnType<ListenerOptions['whyUnread']> {
    const auth = await this.#authenticated(peer)
    if (!auth) return 'unavailable'
    if (!auth.trusted) return 'untrusted'
    return (await this.#large.turn(trustedParty(auth), bytes)) ? null : 'busy'
  }

  /** Resolves in the first turn of a message, after the peer's party has waited for the cost of its earlier messages. Rejects if the peer has left. */
  begin(peer: Peer, abandoned: AbortSignal): MaybePromise<Pace> {
    const party = this.#parties.get(peer)
    return andThen(party && this.#large.paying(party, abandoned), () => {
      const pace = this.#turns.paceOf(party ?? untrustedParty(peer), abandoned)
      return andThen(pace.turn(), () => pace)
    })
  }

  /** Charges the peer's party with the time that the server spent on reading or writing a large message. */
  worked(peer: Peer, ms: number): void {
    const party = this.#parties.get(peer)
    if (party) this.#large.worked(party, ms)
  }

  /** `begun`: the pace of the message if its first turn has begun. Left out: this function begins it. */
  async answer(bytes: Buffer, peer: Peer, exchange: Exchange, begun?: Pace): Promise<Answer> {
    const { abandoned } = exchange
    try {
      const pace = begun ?? (await this.begin(peer, abandoned))
      const request = this.#decoded(bytes, peer)
      if (!this.#served.has(request.version)) {
        await this.#noteUnserved(peer, request.version)
        // A client of an unserved version may still ask for the served ones with Discover Versions.
        if (!asksForVersions(request)) return this.#refused(this.#unserved(request.version))
      }
      const requestId = randomUUID()
      const auth = await this.#authenticated(peer, requestId)
      const header = this.#header(request, requestId)
      const room = new AnswerRoom(header, {
        maximumBytes: request.maximumResponseSize,
        reserve: (more) => exchange.reserve(more),
      })
      const items = !auth
        ? this.#counted(request, failedItems(request, new Fault('GeneralFailure', cannotTell)))
        : auth.trusted
          ? await this.#serve(request, { peer, pace, room, requestId, exchange }, auth)
          : this.#counted(request, this.#unauthenticated.refuse(request, peer, auth))
      const isTaken = takesServerRole(items, request.version)
      const sinceMs = this.#turns.now()
      const answer = encoded({ ...header, items })
      if (auth?.trusted !== true) return { bytes: answer, close: false }
      this.#large.sent(trustedParty(auth), answer.length, this.#turns.now() - sinceMs)
      if (!isTaken) return { bytes: answer, close: false }
      return { bytes: answer, close: false, takeOver: this.#takeOver(request.version, peer, auth) }
    } catch (error) {
      if (error instanceof RequestError) {
        if (error.unknownVersion === undefined) return this.#refused(error)
        await this.#noteUnserved(peer, error.unknownVersion)
        return this.#refused(this.#unserved(error.unknownVersion, error.version))
      }
      // The peer left before the turn of its message came.
      if (abandoned.aborted) return { bytes: Buffer.alloc(0), close: true }
      throw error
    } finally {
      // The message of a Register has key material in it.
      bytes.fill(0)
    }
  }

  #decoded(bytes: Buffer, peer: Peer): RequestMessage {
    const decode = () => decodeRequest(bytes, this.#server.versions)
    if (bytes.length <= untrustedMessageBytesMax) return decode()
    const sinceMs = this.#turns.now()
    try {
      return decode()
    } finally {
      this.worked(peer, this.#turns.now() - sinceMs)
    }
  }

  /** The answer to a peer whose message the server does not read. It is in KMIP 1.4, which most clients speak. */
  unreadable(why: Unreadable): Buffer {
    const reason = why === 'unavailable' || why === 'busy' ? 'GeneralFailure' : 'InvalidMessage'
    return this.malformed(new Fault(reason, unreadableSentences[why]))
  }

  /** The answer to bytes that are no KMIP message. */
  malformed(error: TtlvError | Fault): Buffer {
    const fault = error instanceof Fault ? error : faultOf(error)
    const known = { version: this.#served.has('1.4') ? '1.4' : this.#newest, headerRead: false } as const
    return encodeResponse(refusal(new RequestError(fault, known), this.#now()))
  }

  /** Records an unknown peer as pending after its handshake, since vCenter may close the connection without a message. */
  async onHandshake(outcome: HandshakeOutcome): Promise<boolean> {
    if (!outcome.ok) return false
    const { peer } = outcome
    const auth = await this.#authenticated(peer)
    if (!auth) return false
    this.#options.metrics.peers.inc({ result: auth.trusted ? 'trusted' : auth.why })
    if (auth.trusted) this.#seen(peer, auth)
    else this.#unauthenticated.recordUnknown(peer, auth)
    return auth.trusted
  }

  /** Undefined if the store cannot say who the peer is. Any stranger can cause the log lines about it, so `notices` bounds them. */
  #authenticated(peer: Peer, requestId?: string): MaybePromise<AuthResult | undefined> {
    return orElse<AuthResult | undefined>(
      () => this.#identify(peer),
      (error) => {
        const { address } = peer
        this.#notices.error('identify', 'the store does not say who a client is', {
          error,
          address,
          requestId,
        })
        return undefined
      },
    )
  }

  /** Records the unserved version of a trusted client. A stranger could state any version, so the server does not record it. */
  async #noteUnserved(peer: Peer, version: string): Promise<void> {
    const auth = await this.#authenticated(peer)
    if (auth?.trusted) this.#options.unservedVersions.note(auth.client, version)
  }

  #identify(peer: Peer): MaybePromise<AuthResult> {
    return andThen(this.#options.access.identify(peer), (auth) => {
      const party = auth.trusted ? trustedParty(auth) : untrustedParty(peer)
      const before = this.#parties.get(peer)
      if (before?.group !== party.group || before.member !== party.member) this.#parties.set(peer, party)
      return auth
    })
  }

  #serve(
    request: RequestMessage,
    context: MessageContext,
    first: TrustedAuth,
  ): MaybePromise<readonly ResponseItem[]> {
    const { peer, exchange } = context
    this.#seen(peer, first)
    this.#noteHost(exchange.host, peer, first)
    const { id, credential } = first.client
    const session = atLeast(request.version, '2.0') ? this.#session(request, first) : undefined
    const refused = (fault: Fault) =>
      this.#counted(request, this.#unauthenticated.refuseItems(request, peer, first.client, fault))
    if (session instanceof Fault)
      // A ticket that is used up was right: no credential failed.
      return session.reason === 'UsageLimitExceeded'
        ? this.#counted(request, failedItems(request, session))
        : refused(session)
    const isProven = session?.hasTicket === true && !request.credentials.some(isPassword)
    const checked = credential && !isProven ? this.#gate.check(peer, id, credential, request) : undefined
    return andThen(checked, (wrong) =>
      wrong ? refused(wrong) : answerBatch(request, this.#batchOptions(request, context, first, session)),
    )
  }

  #batchOptions(
    request: RequestMessage,
    { peer, pace, room, requestId, exchange }: MessageContext,
    first: TrustedAuth,
    session: TicketSession | undefined,
  ): BatchOptions {
    const { access, fetchUpstream, keys, log, clock, signRequest } = this.#options
    const certificate = new ClientCertificate(first, { access, peer, signRequest })
    // The first item uses the authentication of this message. Its commit fails if trust has changed since.
    let read: AuthResult | undefined = first
    const identify = (): MaybePromise<Caller> => {
      const identified = read ?? access.identify(peer)
      read = undefined
      const now = andThen(identified, (auth) =>
        auth.trusted ? { auth, peer } : certificate.instead(() => this.#unauthenticated.fault(peer, auth)),
      )
      return andThen(now, (by) => access.callerOf(sameOwner(by.auth, first), by.peer, requestId))
    }
    const unexpected = (error: unknown, operation: string) => {
      log.error('an operation failed', { error, operation, requestId })
    }
    const warn = (message: string, facts: object) => {
      log.warn(message, { ...facts, client: first.client.name, instance: first.instance.name, requestId })
    }
    const later = () => ({
      pace: this.#turns.paceOf(trustedParty(first), neverAbandoned),
      room: new AnswerRoom(this.#header(request, requestId), {
        maximumBytes: asynchronousAnswerBytesMax,
        reserve: () => true,
      }),
    })
    return {
      warn,
      later,
      asynchronous: this.#asynchronous,
      pkcs11Uses: this.#pkcs11Uses,
      provisioner: certificate,
      endpoint: {
        canChange: exchange.canReverse,
        hasTicket: session?.hasTicket === true,
        hasRoom: () => this.#notifier.hasRoom(access.callerOf(first, peer, requestId)),
      },
      session,
      keys,
      fetchUpstream,
      server: this.#server,
      identify,
      pace,
      room,
      unexpected,
      onOperation: (done) => this.#measured(done),
      clock,
    }
  }

  /** From now on this server sends the client notices of changes. It stops when the peer is no longer this client or its password changes. */
  #takeOver(version: Version, peer: Peer, auth: TrustedAuth): NotifierTakeOver {
    const { access } = this.#options
    const pace = this.#turns.paceOf(trustedParty(auth), neverAbandoned)
    const identify = async () => {
      const now = await access.identify(peer)
      if (!now.trusted) throw this.#unauthenticated.fault(peer, now)
      return access.callerOf(sameOwner(now, auth), peer, randomUUID())
    }
    const client = { identify, turn: () => pace.turn() }
    return this.#notifier.takeOver(access.callerOf(auth, peer, randomUUID()), version, client)
  }

  /**
   * The login session of the message's ticket (KMIP 2.x). It ends when the client's password changes. Returns a Fault if the message
   * carries an invalid ticket, or one that permits no more requests: each item of the answer names its Operation (KMIP 2.1 §8.6). In
   * KMIP 2.0 it throws RequestError for a ticket that is used up, since OASIS's case of that version has one item without an Operation.
   */
  #session(request: RequestMessage, auth: TrustedAuth): TicketSession | Fault {
    try {
      return new TicketSession(this.#tickets, ownerOf(auth), request)
    } catch (error) {
      if (!(error instanceof Fault)) throw error
      const { version, clientCorrelationValue } = request
      if (error.reason !== 'UsageLimitExceeded' || atLeast(version, '2.1')) return error
      throw new RequestError(error, { version, clientCorrelationValue, headerRead: true })
    }
  }

  /** Counts the items of a refused message in the metrics, with no duration: a refusal is too short to measure. */
  #counted(request: RequestMessage, items: readonly ResponseItem[]): readonly ResponseItem[] {
    for (const [index, { reason = 'failed' }] of items.entries())
      this.#measured({
        operation: request.items[index]?.operation ?? null,
        result: reason,
        seconds: 0,
      })
    return items
  }

  #measured(done: OperationResult): void {
    const { metrics, onOperation } = this.#options
    const { operation, result, seconds } = done
    metrics.operations.observe({ operation: operation ?? 'unknown', result }, seconds)
    onOperation?.(done)
  }

  #seen(peer: Peer, auth: AuthResult): void {
    if (!peer.certificate || !auth.trusted) return
    const { lastSeen } = this.#options
    // Only pinned certificates have a time of last use. A CA may issue a new certificate each day, and the list would never end.
    if (auth.pinned) lastSeen.note(peer.certificate.sha256, peer.address)
    lastSeen.noteClient(auth.client.id, peer.certificate.sha256, peer.address)
    if (auth.expiredDays !== null) this.#unauthenticated.warnExpired(peer.certificate.sha256, auth)
  }

  /** Warns when a client over HTTPS uses a foreign name: an attacker's name may lead a browser with a client's certificate here (DNS rebinding). */
  #noteHost(host: string | undefined, { address }: Peer, { client, instance }: TrustedAuth): void {
    if (host === undefined || this.#options.isKnownHost(host)) return
    const fields = { host: host.slice(0, hostCharactersMax), address }
    this.#notices.warn('host', foreignHost, { ...fields, client: client.name, instance: instance.name })
  }

  #header({ version, clientCorrelationValue }: RequestMessage, requestId: string): ResponseHeader {
    // KMIP 1.4 §6.19: a client that sends its own correlation value receives the id that our log and audit have for the request.
    const serverCorrelationValue = clientCorrelationValue === undefined ? undefined : requestId
    return { version, timeStamp: this.#now(), serverCorrelationValue }
  }

  get #newest(): Version {
    return this.#server.versions.at(-1) ?? '1.4'
  }

  /** A refusal that names the served versions. `version`: the version of the answer. */
  #unserved(stated: string, version: Version = this.#newest): RequestError {
    const what = `this server speaks KMIP ${this.#server.versions.map(versionText).join(', ')}, not ${stated}`
    return new RequestError(new Fault('InvalidMessage', what), { version, headerRead: true })
  }

  /** Answers in the message's own version if this server serves it, or else in the newest that it serves. */
  #refused(error: RequestError): Answer {
    const version = this.#served.has(error.version) ? error.version : this.#newest
    return { bytes: encodeResponse({ ...refusal(error, this.#now()), version }), close: false }
  }

  #now(): bigint {
    return BigInt(Math.floor(this.#options.clock.now() / 1000))
  }
}

/** The signal of work that no connection waits for: the client polls for its answer over any connection, or receives it as a notice. */
const neverAbandoned = new AbortController().signal

const foreignHost =
  'a client over HTTPS addresses this server by a name that is neither in its certificate nor in kmip.hosts (MORTISE_KMIP_HOSTS): add it, since a later version refuses that'

const cannotTell = 'the store cannot be used at the moment: try again'

function encoded(response: ResponseMessage): Buffer {
  const bytes = encodeResponse(response)
  // `bytes` holds copies of the payloads, so the originals are overwritten with zeros.
  for (const { payload } of response.items) payload?.fill(0)
  return bytes
}

/** Returns `now`. Throws Fault AuthenticationNotSuccessful if it is another client than `first`, or has another password. */
function sameOwner(now: TrustedAuth, first: TrustedAuth): TrustedAuth {
  if (now === first || ownerOf(now) === ownerOf(first)) return now
  throw new Fault('AuthenticationNotSuccessful', 'this is another client by now, or has another password')
}

/** Identifies a client's login: its instance, its id, its password and whether it must send that. A change of one ends the login. */
function ownerOf({ instance, client: { id, credential } }: TrustedAuth): string {
  return JSON.stringify([instance.id, id, credential?.mode, credential?.hash])
}

function trustedParty({ instance, client }: Pick<TrustedAuth, 'instance' | 'client'>): RequestParty {
  return { group: instance.id, member: client.id }
}

function untrustedParty({ address }: Peer): RequestParty {
  return strangers(subnetOf(address))
}

function isPassword({ CredentialType }: RequestMessage['credentials'][number]): boolean {
  return CredentialType === 'UsernameAndPassword'
}

function asksForVersions({ items }: RequestMessage): boolean {
  return items.length > 0 && items.every(({ operation }) => operation === 'DiscoverVersions')
}

const unreadableSentences: Record<Unreadable, string> = {
  malformed: 'these bytes do not begin a KMIP message',
  'too-large': `a message may have ${String(messageBytesMax)} bytes at most`,
  untrusted: `a message of a client that is not trusted may have ${String(untrustedMessageBytesMax)} bytes at most`,
  unavailable: cannotTell,
  busy: 'the server has too much to do: try again',
}
