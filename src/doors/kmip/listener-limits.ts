// The bounds that the listener keeps, in one table, since tests set tighter ones and workers share some of them.

import {
  acceptBacklog,
  bufferedBytesMax,
  certificateBytesMax,
  connectionsMax,
  connectionsPerAddressMax,
  knownConnectionsKept,
  messageBytesMax,
  proxyHeadersWaitingMax,
  untrustedMessageBytesMax,
} from '../../base/bounds.ts'

export const listenerLimits = {
  messageBytesMax,
  untrustedMessageBytesMax,
  /** How long a client in the server role may take to answer a notice. */
  noticeAnswerMs: 30_000,
  connectionsMax,
  connectionsPerAddressMax,
  knownConnectionsKept,
  acceptBacklog,
  /** The bound of a TLS record with its header. The server reads the ClientHello whole before the handshake's turn. */
  helloBytesMax: 16 * 1024 + 5,
  /**
   * A load balancer sends this header before the ClientHello of its client (PROXY protocol, version 2): its length, and its time from the
   * connection on.
   */
  proxyHeaderBytesMax: 4 * 1024,
  proxyHeaderTimeoutMs: 5_000,
  proxyHeadersWaitingMax,
  /** For the ClientHello to arrive, and again for the handshake, from its turn to its end. */
  handshakeTimeoutMs: 10_000,
  /** A whole ClientHello waits at most this long for its turn. */
  handshakeWaitMs: 30_000,
  /** A handshake that takes longer is waiting for its peer, so another may start. */
  handshakeStallMs: 1_000,
  /** Concurrent handshakes of one address; more wait their turn. */
  handshakesPerAddressMax: 8,
  /** Fewer for known addresses: their certificate chains are not bounded before OpenSSL verifies them. */
  knownHandshakesPerAddressMax: 3,
  /** The same for all addresses together, for those without a trusted client, and for those that cost most. */
  handshakesMax: 64,
  newHandshakesMax: 32,
  costlyHandshakesMax: 16,
  /**
   * A peer may send so much until the end of its handshake, if no trusted client came from its address: a chain of six
   * certificates with 4096-bit keys. OpenSSL accepts 100 KB, which may take a second to verify; this takes a tenth.
   */
  untrustedHandshakeBytesMax: 16 * 1024,
  /** Longer handshakes go last. vCenter's is below 4 KB; verifying this much takes about ten milliseconds. */
  longHandshakeBytes: 6 * 1024,
  /** The share of the thread's time for handshakes of unknown addresses, and how much unused time they may save up. */
  newTimePercent: 20,
  newTimeSavedMaxMs: 1_000,
  /** The same for addresses whose handshakes cost most. */
  costlyTimePercent: 10,
  costlyTimeSavedMaxMs: 200,
  /** Overused time is repaid by waiting, up to this much: a busy machine must not keep a newcomer out for long. */
  timeDebtMaxMs: 500,
  /** A step of a handshake that takes the thread longer is not ordinary. */
  handshakeOrdinaryMs: 10,
  /** An unmeasured step that takes longer, with what ran meanwhile, causes measuring from the next step on. */
  handshakeSuspectMs: 50,
  subnetWatchedForMs: 60 * 60_000,
  /** An address counts as known for so long after a trusted client authenticated from there. */
  subnetKnownForMs: 24 * 60 * 60_000,
  /** How much time the handshakes of a known subnet may cost before it loses its priority, and those of another before it goes last. */
  subnetKnownSpentMs: 250,
  subnetNewSpentMs: 25,
  subnetSpentMaxMs: 400,
  subnetForgivenMsPerSecond: 1,
  /** Remembered addresses of each kind. */
  subnetsRememberedMax: 10_000,
  /** Connections that the server accepts before it starts the next handshake, while more wait. */
  acceptsPerHandshakeMax: 20,
  /**
   * TLS may read so many bytes that bring no data, and each byte of data allows for so many more: CBC pads and authenticates one with
   * eighty others. A key update has 27 bytes, and takes as long as some kilobytes of data.
   */
  tlsOverheadBytesMax: 1024,
  tlsBytesPerDataByte: 100,
  /** Clients may resume TLS sessions for this long. */
  tlsSessionSeconds: 3_600,
  /** TCP asks a silent client this often whether it is there. */
  tcpKeepAliveMs: 60_000,
  /** From the first byte of a message to its last. */
  messageTimeoutMs: 30_000,
  /** The server closes a connection without traffic after this long. Clients keep pools (vSphere: 10 s and more). */
  idleTimeoutMs: 15 * 60_000,
  /** The server closes the connection of a peer that does not read its answer. */
  writeTimeoutMs: 30_000,
  /** Waiting requests of one connection. The server reads no more from it beyond that. */
  requestsQueuedPerConnectionMax: 4,
  /** Answering takes far less. This keeps a request that hangs from holding its connection for ever. */
  answerTimeoutMs: 120_000,
  /** After the peer has ended its side, a running request has this long before the rest of it is cancelled. */
  answerAfterEndMs: 250,
  /** Bytes read ahead behind a longer request, to notice when the peer ends its side. */
  lookAheadBytesMax: 1024 * 1024,
  bufferedBytesMax,
  /** After its last answer, the server discards what the peer sends, for this long and this much; then it closes. */
  lingerMs: 2_000,
  lingerBytesMax: 2 * 1024 * 1024,
  /** When the listener closes, a peer that came or got an answer less than this long ago may go on with its task for this long. */
  taskPauseMs: 500,
  /** Requests that have arrived, and handshakes that have begun or wait for their turn, have this long when the listener closes. */
  closeGraceMs: 5_000,
  certificateBytesMax,
} as const

export type ListenerLimits = { readonly [Name in keyof typeof listenerLimits]: number }
