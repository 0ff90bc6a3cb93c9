// The contract between the KMIP listener and the rest of the server: what the listener knows of a peer, which functions it calls for an
// answer, and which events it reports. Types only; listener.ts implements them.

import type { ListenerLimits } from './listener-limits.ts'
import type { Socket } from 'node:net'
import type { Admission } from '../admission/admission.ts'
import type { Encoding } from '../../wire/kmip/encodings.ts'
import type { Framed, Halt } from '../../wire/ttlv/framer.ts'
import type { ServerCertificate, TlsIdentity } from '../../core/identity/tls-identity.ts'
import type { NotifierTakeOver } from '../../core/operations/notifier.ts'
import type { NoticeLog } from '../../core/server/notices.ts'

/** The other end of one TLS connection. The certificate is the one that the peer presented; the listener has not verified it. */
export interface Peer {
  readonly connectionId: string
  readonly address: string
  readonly port: number
  /** `sha256`: SHA-256 of `der` in lower-case hex. null: the peer presented no certificate. */
  readonly certificate: { readonly der: Buffer; readonly sha256: string } | null
  /** OpenSSL's name: `TLSv1.2`, `TLSv1.3`. */
  readonly tlsVersion: string
  readonly cipher: string
  /** Whether the handshake resumed a session. The certificate is then the one that the peer presented when the session began. */
  readonly resumed: boolean
}

/** The function that answers a message receives this beside the message and its peer. */
export interface Exchange {
  /** Aborted when the peer has left or the connection ends, so that no client waits for the answer. */
  readonly abandoned: AbortSignal
  /** The encoding of the message, and of its answer. */
  readonly encoding: Encoding
  /** Over HTTPS, the name or address by which the message addresses this server, in lower case and without a port; empty: none. */
  readonly host: string | undefined
  /** Whether the peer can take the server role on this connection. */
  readonly canReverse: boolean
  /** Reserves memory for `bytes` more bytes of a large answer. Returns false if the listener has none left. */
  reserve(bytes: number): boolean
}

/**
 * The listener sends `bytes` and then overwrites them with zeros, so the function that answers must not keep them or return them twice.
 * If they are empty, it sends nothing.
 */
export interface Answer {
  readonly bytes: Buffer
  /** Whether the connection ends after these bytes. */
  readonly close: boolean
  /** After these bytes the peer has the server role: from then on this server sends the requests. */
  readonly takeOver?: NotifierTakeOver
}

/** The content of a TLS connection: TTLV alone, or messages of any encoding in HTTP. */
export type Wire = 'ttlv' | 'https'

/** Cuts the bytes of a connection into messages, and puts answers into the form that the peer expects. */
export interface MessageFramer {
  /** Whether a part of a message has arrived. */
  readonly partial: boolean
  /** The encoding of the message that is answered next. */
  readonly encoding: Encoding
  /** Over HTTPS, the name or address by which that message addresses this server. */
  readonly host: string | undefined
  /** Whether the peer can take the server role: the server then sends requests, and the peer answers. */
  readonly canReverse: boolean
  /** Cuts at most `messagesMax` messages. It keeps the bytes behind them for the next call of `push`, which may have an empty chunk. */
  push(chunk: Buffer, messagesMax: number): MessagesFramed
  /** Permits the message of the last halt of kind `ask`, and continues as `push` does. */
  permit(messagesMax: number): MessagesFramed
  /** Puts an answer in the form of the oldest unanswered message, HTTP or not. The connection calls it once for each message, in order. */
  answer(answer: Answer): Answer
}

export interface MessagesFramed extends Framed {
  readonly halt: MessageHalt | undefined
}

/**
 * `interim`: bytes that the peer waits for before it sends a permitted message (100 Continue). `answer`: the last answer to a broken
 * message, where that is not a KMIP message.
 */
export type MessageHalt = Halt & { readonly interim?: Buffer; readonly answer?: Buffer }

/**
 * Why the listener does not read a message:
 * 'malformed': its bytes begin neither a TTLV structure nor, over HTTPS, a POST of a message;
 * 'too-large': its header announces more than messageBytesMax;
 * 'untrusted': its header announces more than untrustedMessageBytesMax, and the peer is not trusted;
 * 'unavailable': its header announces more than untrustedMessageBytesMax, and the store cannot say whether the peer is trusted;
 * 'busy': the listener holds as many unanswered bytes as it may (bufferedBytesMax), or too many large messages of this client wait.
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

/** The counters of the listener, with their labels. No label names a client. */
export interface ListenerCounts {
  connections_accepted: NoLabels
  /**
   * Refused before the handshake. `full`: the server has no place; `address`: this address has all its places; `proxy-header`: a listed
   * load balancer sent no valid header.
   */
  connections_refused: { readonly reason: 'full' | 'address' | 'not-tls' | 'closing' | 'proxy-header' }
  /** The server closed them to make room for an address with fewer connections, or for another connection of the same address. */
  connections_displaced: NoLabels
  /** The peer left or timed out before the handshake began. */
  connections_without_hello: { readonly reason: 'gone' | 'timeout' }
  handshakes: {
    readonly result: 'ok' | 'failed'
    readonly version: string
    readonly resumed: 'true' | 'false'
  }
  /** How a connection ended after its handshake. */
  connections_closed: { readonly reason: ConnectionEnding }
  messages: { readonly encoding: Encoding }
  messages_unreadable: { readonly reason: Unreadable }
  answers_failed: NoLabels
}

export type ListenerGauge =
  'connections' | 'handshakes_waiting' | 'handshakes_active' | 'requests_running' | 'bytes_buffered'

export interface ListenerMetrics {
  count<Name extends keyof ListenerCounts>(name: Name, labels: ListenerCounts[Name]): void
  /** The listener calls it once for each gauge when it opens. `read` is cheap, and may be called at any time after. */
  gauge(name: ListenerGauge, read: () => number): void
}

/** Why a connection ended. 'peer': the peer left. The server ended it for the other reasons. */
export type ConnectionEnding =
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

/** The addresses of a listener: one for TTLV, and a second for HTTPS. Without `https` it takes no HTTPS. */
export interface ListenAddresses extends ListenAddress {
  readonly https?: ListenAddress | undefined
}

export interface ListenerOptions extends TlsIdentity {
  /**
   * Addresses and subnets of load balancers. A connection from one of them must begin with a PROXY protocol header, and then counts as a
   * connection of the client that the header names. Left out: no load balancers.
   */
  readonly proxyProtocolFrom?: readonly string[]
  /**
   * Answers one message. The listener calls it for one message of a connection at a time, and concurrently for many connections. It
   * should not reject: if it does, the listener logs the error and closes the connection without an answer.
   */
  answer(message: Buffer, peer: Peer, exchange: Exchange): Promise<Answer>
  /**
   * Called for every message above untrustedMessageBytesMax, before the listener reads its `bytes`. Resolves to null once the peer may
   * send them, or else to the reason why it may not. If it rejects, the reason is 'unavailable'.
   */
  whyUnread(peer: Peer, bytes: number): Promise<Exclude<Unreadable, 'malformed' | 'too-large'> | null>
  /** The last answer to a peer whose message the listener does not read. null: no answer. The connection closes in either case. */
  answerUnreadable?(reason: Unreadable, peer: Peer, encoding: Encoding): Buffer | null
  /**
   * Called for every handshake that began, before the listener answers the first message of the connection. Resolves to whether the peer
   * is trusted. If so, handshakes from its address go before those of other addresses.
   */
  onHandshake?(outcome: HandshakeOutcome): Promise<boolean>
  readonly log: ListenerLog
  readonly metrics: ListenerMetrics
  readonly clock?: { monotonic(): number }
  /** The doors of this process share it. Left out: the listener has its own. */
  readonly admission?: Admission
  /** Tests set tighter bounds than listener-limits.ts. */
  readonly limits?: Partial<ListenerLimits>
}

export interface KmipListener extends ConnectionServer {
  readonly address: string
  readonly port: number
  /** The address for HTTPS; undefined if it takes none. */
  readonly https: ListeningAddress | undefined
}

export interface ListeningAddress {
  readonly address: string
  readonly port: number
}

/** A listener whose connections another process accepts and hands over. */
export interface HandedListener extends ConnectionServer {
  /** Takes an accepted connection of which no byte was read. It destroys the connection if there is no place for it. */
  take(raw: Socket, wire: Wire): void
}

interface ConnectionServer {
  /**
   * New handshakes use the certificate; open connections continue. Clients can resume their earlier sessions only if `ticketKeys` stay
   * as they were. Throws if key and certificate do not fit.
   */
  setServerCertificate(next: ServerCertificate, ticketKeys: Buffer): void
  /**
   * Closes the listener in good order. It accepts no new connection, answers every request that has arrived, and finishes the handshakes
   * that have begun or wait for their turn. A peer in the middle of a task may go on for taskPauseMs. It sends close_notify on each
   * connection, and resolves when all are closed. After closeGraceMs it cuts the connections that are left. May be called again.
   */
  close(): Promise<void>
}
