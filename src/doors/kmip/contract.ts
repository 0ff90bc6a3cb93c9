// The contract between the KMIP listener and the rest of the server: what it knows of a peer, what it asks for an
// answer, and what it reports. Types only; listener.ts implements them.

import type { ListenerLimits } from './listener-limits.ts'
import type { Socket } from 'node:net'
import type { Admission } from '../admission/admission.ts'
import type { Encoding } from '../../wire/kmip/encodings.ts'
import type { Framed, Halt } from '../../wire/ttlv/framer.ts'
import type { ServerCertificate, TlsIdentity } from '../../core/identity/tls-identity.ts'
import type { TakeOver } from '../../core/operations/notifier.ts'
import type { NoticeLog } from '../../core/server/notices.ts'

/** The other end of one TLS connection. Nobody has verified the certificate: it is what the peer presented. */
export interface Peer {
  readonly connectionId: string
  readonly address: string
  readonly port: number
  /** `sha256`: SHA-256 of `der` in lower-case hex. null: the peer presented no certificate. */
  readonly certificate: { readonly der: Buffer; readonly sha256: string } | null
  /** OpenSSL's name: `TLSv1.2`, `TLSv1.3`. */
  readonly tlsVersion: string
  readonly cipher: string
  /** The handshake resumed a session; the certificate is the one presented when that session began. */
  readonly resumed: boolean
}

/** Goes along with each message to the function that answers it. */
export interface Exchange {
  /** Aborted when nobody waits for the answer any more. */
  readonly abandoned: AbortSignal
  /** The encoding of the message, and of its answer. */
  readonly encoding: Encoding
  /** Over HTTPS, the name or address by which the message addresses this server, in lower case and without a port; empty: none. */
  readonly host: string | undefined
  /** Whether the peer can take the server role on this connection. */
  readonly canReverse: boolean
  /** Reserves memory for so many more bytes of a large answer. Returns false if there is none. */
  reserve(bytes: number): boolean
}

/**
 * The listener sends `bytes` and then overwrites them with zeros, so they must not be kept or returned twice. Empty:
 * it sends nothing.
 */
export interface Answer {
  readonly bytes: Buffer
  /** The connection ends after these bytes. */
  readonly close: boolean
  /** After these bytes the peer has the server role: the server asks. */
  readonly takeOver?: TakeOver
}

/** The bytes behind TLS are TTLV alone, or messages of any encoding in HTTP. */
export type Wire = 'ttlv' | 'https'

/** Cuts the bytes of a connection into messages, and puts answers into the form that the peer expects. */
export interface MessageFramer {
  /** Whether a part of a message has arrived. */
  readonly partial: boolean
  /** The encoding of the message that is answered next. */
  readonly encoding: Encoding
  /** Over HTTPS, the name or address by which that message addresses this server. */
  readonly host: string | undefined
  /** Whether messages can go the other way: requests of the server, and answers of the peer. */
  readonly canReverse: boolean
  /** Cuts `messagesMax` messages at most. What arrived behind them is kept, and cut when `push` is called again, also with no bytes. */
  push(chunk: Buffer, messagesMax: number): MessagesFramed
  /** Reads the message that the framer asked about, as `push` does. */
  permit(messagesMax: number): MessagesFramed
  /** The answer to the oldest message, as the peer reads it. Called once for each message, in order. */
  answer(answer: Answer): Answer
}

export interface MessagesFramed extends Framed {
  readonly halt: MessageHalt | undefined
}

/**
 * `interim`: what the peer waits for before it sends the message, once it is permitted. `answer`: the last answer, where it
 * is no KMIP message.
 */
export type MessageHalt = Halt & { readonly interim?: Buffer; readonly answer?: Buffer }

/**
 * Why the listener does not read a message:
 * 'malformed': they begin neither a TTLV structure nor, over HTTPS, a POST of one;
 * 'too-large': the header announces more than messageBytesMax;
 * 'untrusted': it announces more than untrustedMessageBytesMax, and the peer is not trusted;
 * 'unavailable': it announces so many, and nobody can tell at the moment whether the peer is trusted;
 * 'busy': the listener holds as many unanswered bytes as it may (bufferedBytesMax), or very much of this client waits.
 */
export type Unreadable = 'malformed' | 'too-large' | 'untrusted' | 'unavailable' | 'busy'

/**
 * The result of a handshake. A failure carries OpenSSL's code (`ERR_SSL_...`), `ECONNRESET`, `ERR_TLS_HANDSHAKE_TIMEOUT`, or
 * `ERR_HANDSHAKE_TOO_LONG` (untrustedHandshakeBytesMax).
 */
export type HandshakeOutcome =
  | { readonly ok: true; readonly peer: Peer; readonly waitedMs: number; readonly durationMs: number }
  | {
      readonly ok: false
      readonly address: string
      readonly port: number
      readonly code: string
      readonly waitedMs: number
      readonly durationMs: number
    }

export interface ListenerLog extends NoticeLog {
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void
  info(message: string, fields?: Readonly<Record<string, unknown>>): void
}

type NoLabels = Readonly<Record<string, never>>

/** The counters of the listener, with their labels. Labels never name a client. */
export interface ListenerCounts {
  connections_accepted: NoLabels
  /**
   * Refused before the handshake: `full` (the server), `address` (this address), `not-tls`, `closing`,
   * `proxy-header` (a listed load balancer sent none that is valid).
   */
  connections_refused: { readonly reason: 'full' | 'address' | 'not-tls' | 'closing' | 'proxy-header' }
  /** Closed by the server to make room for an address with fewer connections, or for another connection of its own address. */
  connections_displaced: NoLabels
  /** The peer left or timed out before the handshake began. */
  connections_without_hello: { readonly reason: 'gone' | 'timeout' }
  handshakes: {
    readonly result: 'ok' | 'failed'
    readonly version: string
    readonly resumed: 'true' | 'false'
  }
  /** How a connection ended after its handshake. */
  connections_closed: { readonly reason: Ending }
  messages: { readonly encoding: Encoding }
  messages_unreadable: { readonly reason: Unreadable }
  answers_failed: NoLabels
}

export type ListenerGauge =
  'connections' | 'handshakes_waiting' | 'handshakes_active' | 'requests_running' | 'bytes_buffered'

export interface ListenerMetrics {
  count<Name extends keyof ListenerCounts>(name: Name, labels: ListenerCounts[Name]): void
  /** Called once for each gauge when the listener opens; `read` is cheap and may be called at any time after. */
  gauge(name: ListenerGauge, read: () => number): void
}

/** 'peer': the peer left. The server caused the others. */
export type Ending =
  | 'peer'
  | 'answered'
  | 'unreadable'
  | 'idle'
  | 'message-timeout'
  | 'write-timeout'
  | 'answer-timeout'
  | 'answer-failed'
  | 'reply-timeout'
  | 'no-data'
  | 'no-room'
  | 'displaced'
  | 'closing'

export interface ListenAddress {
  readonly host: string
  /** 0: the system picks a free port. */
  readonly port: number
}

/** The addresses of a listener: for TTLV, and for HTTPS too if it is given. */
export interface ListenAddresses extends ListenAddress {
  readonly https?: ListenAddress | undefined
}

export interface ListenerOptions extends TlsIdentity {
  /**
   * Addresses and subnets of load balancers. A connection from one must begin with a PROXY protocol header, and counts as
   * its client's. Left out: there are none.
   */
  readonly proxyProtocolFrom?: readonly string[]
  /**
   * Answers one message. Called for one message of a connection at a time, and concurrently for many connections. It
   * should never reject: then the listener logs the error and closes the connection without an answer.
   */
  answer(message: Buffer, peer: Peer, exchange: Exchange): Promise<Answer>
  /**
   * Called for every message above untrustedMessageBytesMax, before its `bytes` are read. Resolves to null when it is the
   * peer's turn to send so many, else to why they are not read. A rejection means 'unavailable'.
   */
  whyUnread(peer: Peer, bytes: number): Promise<Exclude<Unreadable, 'malformed' | 'too-large'> | null>
  /** The last answer to a peer whose bytes are not read; null: none. The connection closes in either case. */
  answerUnreadable?(reason: Unreadable, peer: Peer, encoding: Encoding): Buffer | null
  /**
   * Called for every handshake that began, before the first message of the connection is answered. Resolves to
   * whether the peer is trusted; then handshakes from its address go before those of others.
   */
  onHandshake?(outcome: HandshakeOutcome): Promise<boolean>
  readonly log: ListenerLog
  readonly metrics: ListenerMetrics
  readonly clock?: { monotonic(): number }
  /** The doors of this process share it; left out: the listener has its own. */
  readonly admission?: Admission
  /** Tests set tighter bounds than listener-limits.ts. */
  readonly limits?: Partial<ListenerLimits>
}

export interface KmipListener extends ConnectionServer {
  readonly address: string
  readonly port: number
  /** Where it also takes HTTPS, if it does. */
  readonly https: ListeningAddress | undefined
}

export interface ListeningAddress {
  readonly address: string
  readonly port: number
}

/** It takes connections that another process accepted. */
export interface HandedListener extends ConnectionServer {
  /** Takes a connection that nobody has read from. It is destroyed if there is no place for it. */
  take(raw: Socket, wire: Wire): void
}

interface ConnectionServer {
  /**
   * New handshakes use it; open connections continue. A session that began before can be resumed only if `ticketKeys`
   * are the same. Throws if key and certificate do not fit.
   */
  setServerCertificate(next: ServerCertificate, ticketKeys: Buffer): void
  /**
   * Accepts no new connection, answers every request whose bytes have arrived, lets handshakes end that have begun or wait for their turn, and
   * tasks for taskPauseMs, sends close_notify on each connection, and resolves when all are closed. Cuts after
   * closeGraceMs what is left by then. May be called again.
   */
  close(): Promise<void>
}
