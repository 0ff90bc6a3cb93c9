// What the mTLS door shows to the rest of the server: who is at it, what it asks of the one who answers, and
// where it reports. Types only; listener.ts opens the door.

import type { limits } from '../limits.ts'

/** Who is at the other end of one TLS connection. The certificate is whatever the peer showed, verified by nobody. */
export interface Peer {
  readonly connectionId: string
  readonly address: string
  readonly port: number
  /** `sha256`: lower-case hex of the SHA-256 of `der`. null: the peer showed none. */
  readonly certificate: { readonly der: Buffer; readonly sha256: string } | null
  /** As OpenSSL names it: `TLSv1.2`, `TLSv1.3`. */
  readonly tlsVersion: string
  readonly cipher: string
  /** The handshake resumed a session, so the certificate is the one shown when that session was made. */
  readonly resumed: boolean
}

/** Passed along with each message to whoever answers it. */
export interface Exchange {
  /** Aborted when nobody waits for the answer any more. */
  readonly abandoned: AbortSignal
  /** Reserves memory for so many more bytes of a large answer; false if there is none. */
  reserve(bytes: number): boolean
}

/** `bytes` is sent and then overwritten with zeros: it must not be kept or handed out twice. Empty: nothing is sent. */
export interface Answer {
  readonly bytes: Buffer
  /** The connection ends once the bytes are on their way. */
  readonly close: boolean
}

/**
 * Why bytes cannot be a message that is read:
 * 'malformed': they do not begin a TTLV structure;
 * 'too-large': the header announces more than limits.messageBytesMax;
 * 'untrusted': it announces more than limits.untrustedMessageBytesMax, and the peer is not trusted;
 * 'busy': the door holds as many unanswered bytes as it may (limits.bufferedBytesMax).
 */
export type Unreadable = 'malformed' | 'too-large' | 'untrusted' | 'busy'

/**
 * What became of a handshake. Failures come with OpenSSL's code (`ERR_SSL_...`), `ECONNRESET`, `ERR_TLS_HANDSHAKE_TIMEOUT`, or
 * `ERR_HANDSHAKE_TOO_LONG` (limits.untrustedHandshakeBytesMax).
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

export interface DoorLog {
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void
  info(message: string, fields?: Readonly<Record<string, unknown>>): void
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void
  error(message: string, fields?: Readonly<Record<string, unknown>>): void
}

type NoLabels = Readonly<Record<string, never>>

/** Every series of the door, with the labels it comes with. Labels never name a client. */
export interface DoorCounts {
  connections_accepted: NoLabels
  /** Refused before the handshake: `full` (the server), `address` (this address), `not-tls`, `closing`. */
  connections_refused: { readonly reason: 'full' | 'address' | 'not-tls' | 'closing' }
  /** Closed by us to make room for an address that holds fewer. */
  connections_displaced: NoLabels
  /** Gone or timed out before the handshake began. */
  connections_without_hello: { readonly reason: 'gone' | 'timeout' }
  handshakes: {
    readonly result: 'ok' | 'failed'
    readonly version: string
    readonly resumed: 'true' | 'false'
  }
  /** How a connection ended once its handshake was done. */
  connections_closed: { readonly reason: Ending }
  messages: NoLabels
  messages_unreadable: { readonly reason: Unreadable }
  answers_failed: NoLabels
}

export type DoorGauge =
  'connections' | 'handshakes_waiting' | 'handshakes_active' | 'requests_running' | 'bytes_buffered'

export interface DoorMetrics {
  count<Name extends keyof DoorCounts>(name: Name, labels: DoorCounts[Name]): void
  /** Called once for each gauge when the door opens; `read` is cheap and may be called at any time after. */
  gauge(name: DoorGauge, read: () => number): void
}

/** 'peer': the peer left. The others are ours. */
export type Ending =
  | 'peer'
  | 'answered'
  | 'unreadable'
  | 'idle'
  | 'message-timeout'
  | 'write-timeout'
  | 'answer-timeout'
  | 'answer-failed'
  | 'displaced'
  | 'closing'

type DoorLimitName =
  | 'messageBytesMax'
  | 'untrustedMessageBytesMax'
  | 'connectionsMax'
  | 'connectionsPerAddressMax'
  | 'acceptBacklog'
  | 'helloBytesMax'
  | 'handshakeTimeoutMs'
  | 'handshakeWaitMs'
  | 'handshakeStallMs'
  | 'handshakesPerAddressMax'
  | 'handshakesMax'
  | 'newHandshakesMax'
  | 'costlyHandshakesMax'
  | 'knownTurnsInARowMax'
  | 'knownHandshakesPerAddressMax'
  | 'untrustedHandshakeBytesMax'
  | 'longHandshakeBytes'
  | 'newTimePercent'
  | 'newTimeSavedMaxMs'
  | 'costlyTimePercent'
  | 'costlyTimeSavedMaxMs'
  | 'timeDebtMaxMs'
  | 'handshakeOrdinaryMs'
  | 'handshakeSuspectMs'
  | 'subnetWatchedForMs'
  | 'subnetKnownForMs'
  | 'subnetKnownSpentMs'
  | 'subnetNewSpentMs'
  | 'subnetSpentMaxMs'
  | 'subnetForgivenMsPerSecond'
  | 'subnetsRememberedMax'
  | 'knownConnectionsKept'
  | 'acceptsPerHandshakeMax'
  | 'messageTimeoutMs'
  | 'idleTimeoutMs'
  | 'writeTimeoutMs'
  | 'answerTimeoutMs'
  | 'answerAfterEndMs'
  | 'lookAheadBytesMax'
  | 'requestsQueuedPerConnectionMax'
  | 'bufferedBytesMax'
  | 'lingerMs'
  | 'lingerBytesMax'
  | 'closeGraceMs'
  | 'tlsSessionSeconds'
  | 'tcpKeepAliveMs'
  | 'certificateBytesMax'

/** The bounds of limits.ts that the door keeps. */
export type DoorLimits = { readonly [Name in keyof Pick<typeof limits, DoorLimitName>]: number }

/** PEM. `certificate` may hold a chain, the server's own first. */
export interface ServerCertificate {
  readonly certificate: string
  readonly key: string | Buffer
}

export interface DoorOptions {
  readonly host: string
  /** 0 picks a free one. */
  readonly port: number
  readonly serverCertificate: ServerCertificate
  /** 48 bytes, the same on every socket and node that should resume the other's sessions. */
  readonly ticketKeys: Buffer
  /** Also TLS 1.0 and 1.1, for clients that know nothing newer. Weakens what is accepted for all. */
  readonly legacyTls?: boolean
  /**
   * Answers one message; called for one message of a connection at a time, for many connections concurrently. It
   * should never reject: if it does, that is logged and the connection is closed without an answer.
   */
  answer(message: Buffer, peer: Peer, exchange: Exchange): Promise<Answer>
  /** Asked for every message above limits.untrustedMessageBytesMax, before it is read. A rejection is a no. */
  isTrusted(peer: Peer): Promise<boolean>
  /** The last words to a peer whose bytes are not read; null: none. The connection is closed in any case. */
  answerUnreadable?(reason: Unreadable, peer: Peer): Buffer | null
  /**
   * Called with every handshake that was begun, before the first message of the connection is answered. Resolves to
   * whether the peer is trusted: then handshakes from its address go before those of others.
   */
  onHandshake?(outcome: HandshakeOutcome): Promise<boolean>
  readonly log: DoorLog
  readonly metrics: DoorMetrics
  readonly clock?: { monotonic(): number }
  /** Tests set tighter bounds than limits.ts. */
  readonly limits?: Partial<DoorLimits>
}

export interface Door {
  readonly address: string
  readonly port: number
  /**
   * New handshakes use it; open connections go on. Sessions begun before can be resumed only if `ticketKeys` are the
   * same. Throws where key and certificate do not fit.
   */
  setServerCertificate(next: ServerCertificate, ticketKeys: Buffer): void
  /**
   * Takes no new connection, lets running requests be answered for at most limits.closeGraceMs, says goodbye
   * (close_notify) to each connection, and resolves when all are closed. May be called again.
   */
  close(): Promise<void>
}
