// The bounds of the listener in one table, so that tests can set tighter ones. Some of them hold for all worker processes together.

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
  /** A client in the server role has this long to answer a notice. */
  noticeAnswerMs: 30_000,
  connectionsMax,
  connectionsPerAddressMax,
  knownConnectionsKept,
  acceptBacklog,
  /** The bound of a ClientHello: one TLS record with its header. The server reads it whole before the handshake takes its turn. */
  helloBytesMax: 16 * 1024 + 5,
  /**
   * The length of the header that a load balancer sends before the ClientHello of its client (PROXY protocol, version 2), and its time
   * from the connection on.
   */
  proxyHeaderBytesMax: 4 * 1024,
  proxyHeaderTimeoutMs: 5_000,
  proxyHeadersWaitingMax,
  /** The time for the ClientHello to arrive, and again for the handshake from its turn to its end. */
  handshakeTimeoutMs: 10_000,
  /** A whole ClientHello waits at most this long for its turn. */
  handshakeWaitMs: 30_000,
  /** A handshake without a step for this long waits for its peer, so another may begin. */
  handshakeStallMs: 1_000,
  /** Concurrent handshakes of one address. Further ones wait for their turn. */
  handshakesPerAddressMax: 8,
  /** Fewer for known addresses: their certificate chains are not bounded before OpenSSL verifies them. */
  knownHandshakesPerAddressMax: 3,
  /** Concurrent handshakes of all addresses together, of addresses without a trusted client, and of those whose handshakes cost most. */
  handshakesMax: 64,
  newHandshakesMax: 32,
  costlyHandshakesMax: 16,
  /**
   * The bytes that a peer may send until the end of its handshake, if no trusted client came from its address: enough for a chain of six
   * certificates with 4096-bit keys. OpenSSL would accept 100 KB, and may need a second to verify that; this much takes it a tenth of one.
   */
  untrustedHandshakeBytesMax: 16 * 1024,
  /** Handshakes longer than this go last. vCenter's has less than 4 KB. OpenSSL verifies this much in about ten milliseconds. */
  longHandshakeBytes: 6 * 1024,
  /** The share of the thread's time for handshakes of unknown addresses, and the bound of the unused time that they save up. */
  newTimePercent: 20,
  newTimeSavedMaxMs: 1_000,
  /** The share, and the bound of saved time, for addresses whose handshakes cost most. */
  costlyTimePercent: 10,
  costlyTimeSavedMaxMs: 200,
  /** The bound of the time for which such handshakes wait after they overran their share: a busy machine must not keep a newcomer out for long. */
  timeDebtMaxMs: 500,
  /** Steps of a handshake that take the thread longer than this count as slow. */
  handshakeOrdinaryMs: 10,
  /** If an unmetered handshake takes longer than this, the server meters the next ones of its subnet. */
  handshakeSuspectMs: 50,
  /** The server meters the handshakes of a suspected subnet for this long. */
  subnetWatchedForMs: 60 * 60_000,
  /** An address counts as known for this long after a trusted client has authenticated from it. */
  subnetKnownForMs: 24 * 60 * 60_000,
  /** The time that the handshakes of a known subnet may cost before it loses its priority, and those of an unknown one before it goes last. */
  subnetKnownSpentMs: 250,
  subnetNewSpentMs: 25,
  subnetSpentMaxMs: 400,
  subnetForgivenMsPerSecond: 1,
  /** The number of subnets of each kind that the server remembers. */
  subnetsRememberedMax: 10_000,
  /** In a burst of connections, the server accepts at most this many before it gives a handshake a turn. */
  acceptsPerHandshakeMax: 20,
  /**
   * The bytes without data that TLS may read, and how many more each byte of data allows. CBC pads and authenticates one byte of data
   * with eighty others. A key update has 27 bytes, and takes as long as some kilobytes of data.
   */
  tlsOverheadBytesMax: 1024,
  tlsBytesPerDataByte: 100,
  /** Clients may resume TLS sessions for this long. */
  tlsSessionSeconds: 3_600,
  /** TCP probes a silent client at this interval. */
  tcpKeepAliveMs: 60_000,
  /** The time from the first byte of a message to its last. */
  messageTimeoutMs: 30_000,
  /** The server closes a connection without traffic after this long. Clients keep pools (vSphere: 10 s and more). */
  idleTimeoutMs: 15 * 60_000,
  /** The server closes the connection of a peer that does not read its answer for this long. */
  writeTimeoutMs: 30_000,
  /** The requests of one connection that may wait. While this many wait, the server reads no more from it. */
  requestsQueuedPerConnectionMax: 4,
  /** The server cuts a connection whose answer takes longer than this. An ordinary answer takes far less. */
  answerTimeoutMs: 120_000,
  /** After the peer has ended its side, a running request has this long before the server cancels the rest of it. */
  answerAfterEndMs: 250,
  /** The bytes that the server reads ahead during a long request, to notice when the peer ends its side. */
  lookAheadBytesMax: 1024 * 1024,
  bufferedBytesMax,
  /** After its last answer the server discards what the peer still sends, for at most this long and this many bytes. Then it closes. */
  lingerMs: 2_000,
  lingerBytesMax: 2 * 1024 * 1024,
  /** When the listener closes, a peer that connected or got an answer less than this long ago may go on with its task for this long. */
  taskPauseMs: 500,
  /** Requests that have arrived, and handshakes that have begun or wait for their turn, have this long when the listener closes. */
  closeGraceMs: 5_000,
  certificateBytesMax,
} as const

export type ListenerLimits = { readonly [Name in keyof typeof listenerLimits]: number }
