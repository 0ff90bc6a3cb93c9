// One table, and long because of that. Every bound of the server, with its unit last in the name. Nothing here is read
// from outside: what an administrator may change is in outside/config/, within these bounds. The file ends with assertions on
// relations between bounds, so that the start fails if a change of one breaks another.

export const limits = {
  // --- TTLV (KMIP 1.4 §9.1) ---
  /** The largest message that the server reads or sends, with its header. A larger one closes the connection. */
  messageBytesMax: 1024 * 1024,
  /** The largest message that the server reads from a peer with an untrusted certificate. */
  untrustedMessageBytesMax: 8 * 1024,
  /** Nesting of structures where no schema bounds it (custom attributes, vendor extensions). */
  structureDepthMax: 16,
  /** TTLV items that are decoded at once, structures included: a message without its payloads, or one payload. */
  messageItemsMax: 20_000,

  // --- KMIP ---
  batchItemsMax: 1_000,
  uniqueIdentifierBytesMax: 1_024,
  attributeNameBytesMax: 1_024,
  attributeInstancesMax: 1_000,
  /** The highest index with which an instance may come from elsewhere: above it there is room for the indices of all to come (KMIP 1.4 §2.1.1). */
  attributeIndexMax: 2 ** 30,
  /** Uses of PKCS#11 that clients began: of one client, in all, and how long one is kept that nobody goes on with. */
  pkcs11PerPartyMax: 100,
  pkcs11Max: 10_000,
  pkcs11KeptMs: 3_600_000,
  /**
   * Connections on which a client has the server role: of one client, in all; the changes that wait to be told on one of them, and the
   * bytes of their attributes; and how long the client may take to answer one.
   */
  serverRolesPerPartyMax: 16,
  serverRolesMax: 1_000,
  noticesQueuedMax: 1_000,
  noticesQueuedBytesMax: 2 * 1024 * 1024,
  noticeAnswerMs: 30_000,
  /** Rules of one instance for objects to come, of either kind. */
  objectRulesMax: 100,
  wrappingKeysMax: 100,
  objectRulesBytesMax: 16 * 1024,
  objectAttributesMax: 1_000,
  /** Templates that one Template-Attribute names: each brings its attributes, and is read anew. */
  templatesMax: 10,
  /**
   * All attributes of one object, encoded; and what the attributes of each further state may take beside that, so that every object can
   * be closed.
   */
  objectAttributesBytesMax: 256 * 1024,
  stateAttributesBytes: 1_024,
  /** All objects that one unit of work reads, a batch with Undo too: their attributes and sealed forms. */
  unitBytesMax: 8 * 1024 * 1024,
  /** Key material, secret data or opaque data of one object. */
  objectMaterialBytesMax: 512 * 1024,
  /** Locate returns at most this many identifiers at a time, whatever Maximum Items says. */
  locateItemsMax: 10_000,
  /** Attributes in one Locate, and how many of them Mortise looks up in the store's index. */
  locateAttributesMax: 100,
  locateIndexedMax: 8,
  /** Retries of work that met a concurrent change, before it is refused. */
  conflictRetriesMax: 20,
  /** Changes of trusted rows by those of one instance: as many at once, and one more in this time. */
  trustChangesAtOnce: 15,
  trustChangeEveryMs: 1_000,
  /** Clients, certificates, CAs and tokens of an instance, and certificates issued for it, to which those of the instance alone may add. */
  trustRowsPerInstanceMax: 10_000,

  // --- processes that serve KMIP (server.workers) ---
  workersMax: 64,
  /** How long the server waits at its start for workers that do not serve yet, once one does. */
  workerStartMs: 20_000,
  /** A worker gives a sign this often. It gets no connection after a short silence, and is replaced after a long one. */
  workerSignMs: 1_000,
  workerQuietMs: 3_000,
  workerSilentMs: 30_000,
  /** The pause before a worker that ended is replaced; twice as long each time, unless it ran for a while. */
  workerAgainMs: 200,
  workerAgainMsMax: 10_000,
  workerSettledMs: 60_000,
  /** So many ends of workers within that time are a condition. */
  workerEndsMax: 3,
  workerEndsWithinMs: 600_000,
  /** A report of a worker counts as new for this long, and one that does not come by then is left out. */
  workerReportMs: 1_000,
  /** Workers that have not ended by then when the server stops are killed. */
  workerStopMs: 15_000,

  // --- traces (telemetry) ---
  /** How often the log tells that they cannot be sent. */
  tracesTroubleEveryMs: 60_000,

  // --- the audit log in a SIEM (siem) ---
  /** Entries that are read and sent at a time. */
  siemPageEntries: 500,
  /** How often the log is looked at for new entries, and the receiver for what it has. */
  siemPollMs: 1_000,
  /** A receiver has to prove that it has read what it was sent so long ago; twice as long each time while there is more. */
  siemProofMs: 1_000,
  siemProofMsMax: 30_000,
  /** It has to prove this many bytes at the latest. A slow receiver must read them within `siemStallMs`. */
  siemProofBytes: 1024 * 1024,
  /** A receiver surely has what it has read, once the next connection has lasted this long after it. */
  siemSettleMs: 5_000,
  /** A receiver that takes or reads nothing for so long is connected to anew. */
  siemStallMs: 30_000,
  /** TCP asks a silent receiver's machine this often whether it is there. */
  siemKeepAliveMs: 10_000,
  /** The pause before the next attempt; twice as long each time. */
  siemRetryMs: 1_000,
  siemRetryMsMax: 60_000,
  /** People are told when a target lacks an entry that is older. */
  siemBehindMs: 5 * 60_000,
  siemBehindMsCritical: 24 * 3600_000,
  /** A test of the targets waits this long, and a stop of the server for one that hangs. */
  siemTestMs: 60_000,
  siemStopMs: 5_000,

  // --- alerts (alerts) ---
  /** Conditions are looked at this often, and told once they were found in two looks. */
  alertLookMs: 30_000,
  /** How long one attempt may take, and one by mail: there each step may take the former. */
  alertSendMs: 10_000,
  alertMailMs: 60_000,
  /** The pause before the next attempt; twice as long each time. */
  alertRetryMs: 5_000,
  alertRetryMsMax: 10 * 60_000,
  /** An alert that nobody took for so long is given up. */
  alertGiveUpMs: 24 * 3600_000,
  /** Alerts that wait for one target; the oldest ones give way. */
  alertsWaitingMax: 1_000,
  /** Those that could not be delivered, for people to see. */
  alertsUndeliveredKept: 100,

  // --- the KMIP listener ---
  connectionsMax: 12_000,
  /** Open files of a process that connections of KMIP clients leave to the rest: the store, backups, the admin API, calls. Half where it may have few. */
  openFilesKept: 768,
  connectionsPerAddressMax: 11_000,
  /** Connections that an address of a trusted client keeps when the server closes some to make room for an unknown one. */
  knownConnectionsKept: 256,
  /** Connections that the kernel holds until the server accepts them. */
  acceptBacklog: 4_096,
  /** The bound of a TLS record with its header. The server reads the ClientHello whole before the handshake's turn. */
  helloBytesMax: 16 * 1024 + 5,
  /**
   * A load balancer sends this header before the ClientHello of its client (PROXY protocol, version 2): its length, its time
   * from the connection on, and how many connections may wait for it.
   */
  proxyHeaderBytesMax: 4 * 1024,
  proxyHeaderTimeoutMs: 5_000,
  proxyHeadersWaitingMax: 1_000,
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
  /** Turns of known addresses in a row while another address waits. */
  knownTurnsInARowMax: 4,
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
  /** How long the keys of session tickets stay the same. */
  ticketKeysMs: 3_600_000,
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
  /** A turn. After this long, work on a request lets others go first. */
  turnMs: 0.5,
  /** Time and number of turns that run before the server reads sockets again. */
  turnsTogetherMs: 4,
  turnsTogetherMax: 64,
  /**
   * Moving a megabyte costs the thread about so much: TLS, copies, the collection of the buffers, and what the operation does with the
   * bytes. What reading and writing the message takes is measured. The share of the thread's time for the large messages of one client
   * (above untrustedMessageBytesMax, and answers above the other bound), how much unused time one may save up, and the most that is paid
   * back by waiting. So one client moves up to three megabytes a second. All clients of one instance that did so within that time have no
   * more than so many of them, three quarters of the thread's time.
   */
  largeMovingMsPerMegabyte: 15,
  largeTimePercent: 5,
  largeTimeSavedMaxMs: 100,
  largeTimeDebtMaxMs: 5_000,
  largeTimeBusyMs: 60_000,
  largeTimeClientsPerInstance: 15,
  largeAnswerBytes: 64 * 1024,
  largeMessageClientsMax: 1_000,
  /** The request line and header fields of one HTTP request. */
  httpHeadBytesMax: 4 * 1024,
  /** A name by which a client addresses this server, as the log has it. */
  hostCharactersMax: 253,
  /** How many times as long as TTLV a message in XML or JSON may be: hexadecimal digits double it, names do more. */
  textPerTtlvBytesMax: 4,
  /** Unanswered messages and unsent answers above untrustedMessageBytesMax, and what else waits, of all connections together. */
  bufferedBytesMax: 256 * 1024 * 1024,
  /** Bytes that wait on one connection count if they are more: those that were not read yet, and answers that the peer does not take. */
  waitingBytesFree: 16 * 1024,
  /** Items of a refused batch that are answered, all with the same refusal; a refusal is thirty times as long as an item may be. */
  refusedItemsMax: 32,
  /** After its last answer, the server discards what the peer sends, for this long and this much; then it closes. */
  lingerMs: 2_000,
  lingerBytesMax: 2 * 1024 * 1024,
  /** The listener logs the same warning at most this often. */
  noticeEveryMs: 60_000,
  /** When the listener closes, a peer that came or got an answer less than this long ago may go on with its task for this long. */
  taskPauseMs: 500,
  /** Requests that have arrived, and handshakes that have begun or wait for their turn, have this long when the listener closes. */
  closeGraceMs: 5_000,
  /** The process ends this long after the first signal to stop, whatever still runs. */
  stopMs: 25_000,
  /** `mortise dev` kills its command this long after the signal that stops both. */
  devCommandStopMs: 15_000,

  // --- mortise support-bundle ---
  /** A bundle has the last part of each log. */
  supportLogBytesMax: 8 * 1024 * 1024,
  supportJournalLines: 20_000,
  /** Names of keys that are looked for, of each instance. */
  supportNamesMax: 100_000,
  /** The length of a file that holds a secret. */
  supportSecretCharactersMax: 64 * 1024,

  // --- computations (core/crypto/) ---
  /** Threads for slow ones, as many as processors and at least two. */
  cryptoThreadsMax: 4,
  /**
   * How far they give way to the thread that serves TLS: the one without long work, and the others. With 10, Linux gives a thread a
   * tenth of a processor that others want, in slices of some milliseconds, which is often enough to show in one Get of a hundred.
   */
  cryptoNice: 10,
  cryptoLongNice: 19,
  /** Computations that wait for a thread, of all clients, of those of one instance, and of one. The server refuses more. */
  cryptoWaitingMax: 256,
  cryptoWaitingPerInstanceMax: 192,
  cryptoWaitingPerPartyMax: 32,
  /** A computation that takes longer is given up. An RSA key of 8192 bits takes half a minute, rarely more. */
  cryptoJobMsMax: 110_000,
  /** The primes of a longer RSA key are looked for in a process of their own. */
  cryptoRsaBitsInThread: 4_096,
  /** Parts that a key may be split into, and the bytes of such a key and of a prime field's prime. */
  splitKeyPartsMax: 255,
  splitKeyBytesMax: 8_192,
  splitKeyPrimeBytesMax: 1_024,
  /** Work over a prime of more bytes counts as long: to check one of 550 bytes takes five seconds. */
  splitKeyShortPrimeBytes: 256,
  /** So does a split of a key over a binary field with more products than this. */
  splitKeyShortSteps: 4_000_000,
  /** Data up to this size is computed on at once, on the thread that serves TLS; with the slower algorithms, up to the other. */
  cryptoQuickBytes: 16 * 1024,
  cryptoQuickSlowBytes: 2 * 1024,
  /** Decrypted data that waits until its tag was found right, in one request and in parts. */
  cryptoHeldBytesMax: 1024 * 1024,
  /** Tickets of clients that logged in (core/operations/tickets.ts): of one client, and of all; how long one holds. */
  ticketsPerOwnerMax: 100,
  ticketsMax: 10_000,
  /** Rights of one ticket, with the operations, objects and groups that they name. */
  ticketRightsMax: 1_000,
  ticketMs: 3_600_000,
  ticketMsMax: 24 * 3_600_000,
  /** A text of a client in the audit log. */
  auditTextCharactersMax: 200,
  /** Operations that are answered later (core/operations/asynchronous.ts): of one client, and of all. */
  asynchronousPerPartyMax: 16,
  asynchronousMax: 256,
  asynchronousAnswerBytesMax: 256 * 1024,
  /** An operation begins so long after it was asked for, unless it is polled before. */
  asynchronousStartMs: 1000,
  /** How long the answer can be polled. */
  asynchronousKeptMs: 600_000,
  /** How long a Poll waits for the answer. */
  pollWaitMs: 2000,
  /** Computations in parts that are going on, of all clients and of one, and how long one may rest between two parts. */
  cryptoStreamsMax: 256,
  cryptoStreamsPerPartyMax: 16,
  cryptoStreamIdleMs: 5 * 60_000,
  /** Iterations of PBKDF2, for each 20 bytes of a derived key; with more than the other it counts as long. */
  pbkdf2StepsMax: 20_000_000,
  pbkdf2ShortSteps: 200_000,
  /** All derivations in one PKCS#12 container together: those of its MAC go hash by hash, a million in two seconds. */
  pkcs12IterationsMax: 2_000_000,
  /** Keys and certificates in one part of a PKCS#12 container. */
  pkcs12BagsMax: 100,
  /** A derivation that has more bytes of data or salt to go through, for all pieces of the key, counts as long. */
  derivationShortBytes: 1024 * 1024,
  /** A derived key. */
  derivedBytesMax: 8_192,
  /** Random bytes that a client may ask for at once. */
  randomBytesMax: 512 * 1024,
  /** Random nonces of one key (SP 800-38D §8.3), how many a process reserves at once, and of how many keys it keeps the rest. */
  randomNoncesMax: 2 ** 32,
  nonceBlock: 4_096,
  nonceBlocksMax: 10_000,
  /**
   * A private key of more bytes in PKCS#8 counts as long: one of RSA with 4096 bits is below, and takes some tens of
   * milliseconds. An agreement in a prime field takes that with half as many.
   */
  privateKeyShortBytes: 2_600,
  agreementKeyShortBytes: 1_300,
  /** A chain of more certificates counts as long: each pair of them may take a verification. */
  certificateChainShort: 5,
  /** Data of one RSA encryption: as long as the longest modulus. */
  rsaDataBytesMax: 2_048,
  /** RSA key pairs that the server makes. */
  rsaBitsMin: 2_048,
  rsaBitsMax: 8_192,

  // --- the KMIP client, unless its user sets something else ---
  clientConnectTimeoutMs: 5_000,
  clientHandshakeTimeoutMs: 10_000,
  clientAnswerTimeoutMs: 30_000,
  /** The text with which a server refuses is kept, in reports and conditions, up to here. */
  resultMessageCharactersMax: 1_000,
  /** For this long, an address that failed is tried last. */
  clientRestMs: 30_000,
  /** After the client ends its side of a connection, the server has this long to end its side. */
  clientCloseGraceMs: 1_000,

  // --- adoption from another KMIP server ---
  /** Identifiers that a Locate asks for at a time. */
  adoptPageItems: 1_000,
  /** How often all pages are read, at most, until a list has nothing that those before it lacked. */
  adoptListsMax: 5,
  /** Identifiers of one adoption. Their texts are held in memory. */
  adoptIdentifiersMax: 1_000_000,
  adoptIdentifiersBytesMax: 64 * 1024 * 1024,
  /** Connections to the old server, each with one request at a time. */
  adoptConnectionsMax: 8,
  /** Objects that are being read or stored at the same time: what waits for the disk shares one flush. */
  adoptObjectsMax: 32,
  /** Objects that a report names of each kind of trouble; it counts the rest. */
  adoptReportedMax: 1_000,
  adoptReportedCharactersMax: 4_000,
  /** How long an adoption waits for an old server that does not answer, and between two tries. */
  adoptSilenceMsMax: 15 * 60_000,
  adoptRetryFirstMs: 500,
  adoptRetryMaxMs: 30_000,
  /** Old servers stall, some for half a minute. */
  adoptAnswerTimeoutMs: 60_000,
  /** Answers in this time let an adoption ask for one thing more at once; later than the other, for half as many. */
  adoptQuickMs: 2_000,
  adoptLateMs: 15_000,
  /** How often an object is asked for again whose answer was General Failure. */
  adoptRefusedTriesMax: 4,
  /** The same for an object without an answer, while the server answers for others. */
  adoptUnansweredTriesMax: 6,
  /** Identifiers of one request. */
  adoptRequestIdentifiersMax: 20_000,
  /** Standard keys that are compared with the old service to prove a way of wrapping, where no proof is given. */
  adoptProofKeysMax: 50,

  // --- export of keys ---
  /** Keys that are opened at once. Their lines are in memory together, unsealed. */
  exportPageItems: 32,
  /** Keys that were left out, named with the reason; the others are counted. */
  exportReportedMax: 1_000,

  /** How long a manager of one instance waits for a no about an old server, whatever the reason, and how many they may try. */
  adoptTryMs: 10_000,
  adoptTriesMax: 10,
  adoptTriesPerSecond: 1 / 60,
  adoptTryingInstancesMax: 1_000,

  // --- the upstream of an instance, asked for unknown identifiers ---
  /** A client waits so long for the old server. KMIP clients wait ten seconds. The call itself goes on. */
  upstreamWaitMs: 7_000,
  upstreamConnectTimeoutMs: 2_000,
  /** For the TLS handshake, and again for the answer. Old servers stall, some for half a minute. */
  upstreamAnswerTimeoutMs: 40_000,
  /** Calls to the old server of one instance at the same time. */
  upstreamCallsMax: 8,
  /** Identifiers of one client, and of one instance, that are being asked for or wait for their turn. */
  upstreamAsksPerClientMax: 256,
  upstreamAsksMax: 512,
  /** Requests of one instance that wait for these. */
  upstreamWaitingMax: 4_096,
  /** For so long an object that the old server does not have, or does not give, is not asked for again. */
  upstreamRememberedMs: 5_000,
  upstreamRememberedMax: 10_000,
  /** One client may ask for so many identifiers that the old server does not know, at once and per second. */
  upstreamMissesMax: 200,
  upstreamMissesPerSecond: 10,
  upstreamMissingClientsMax: 1_000,
  /** While the old server does not answer, one request in this time asks it, and the others are refused at once. */
  upstreamTryEveryMs: 1_000,
  /** Connections to the old server are closed after this long without a call. */
  upstreamIdleMs: 30_000,
  /** Objects that could not be adopted on demand: how many are remembered. */
  upstreamNotAdoptedMax: 200,
  /** An upstream is for a change-over. A warning names one that is older. */
  upstreamDays: 31,

  // --- clients ---
  pendingClientsMax: 100,
  /** A subnet is an IPv4 address or an IPv6 /64. */
  pendingPerSubnetMax: 5,
  /** A certificate that returned within this time is the last of its subnet to lose its place. */
  pendingSettledMs: 60 * 60_000,
  pendingWriteEveryMs: 1_000,
  /** Changes of the list that wait for a store that takes nothing. */
  pendingUnwrittenMax: 1_000,
  certificateBytesMax: 64 * 1024,
  /** Elements of DER in a certificate or request of a client that the server parses whole. Usual ones have a hundred. */
  certificateElementsMax: 300,
  /** For subject and issuer each. Real names have a few hundred bytes and at most ten attributes. */
  certificateNameBytesMax: 4 * 1024,
  certificateNameAttributesMax: 64,
  /** For a value in a name that is not text and is shown in hex. */
  certificateNameHexBytesMax: 128,
  /** An object identifier in DER: real ones have ten, and those made of a UUID twenty. */
  objectIdentifierBytesMax: 128,
  /** Certificates in one chain: real ones have three or four. */
  certificateChainMax: 20,
  certificateDaysMax: 100 * 365,
  /** Host names and addresses in the server's certificate, which each handshake transfers. */
  certificateNamesMax: 200,
  /** How often the server checks whether to switch its certificate: somebody may set the clock. */
  scheduleCheckEveryMs: 60_000,
  subjectPatternCharactersMax: 256,
  clientNameCharactersMax: 200,
  userNameCharactersMax: 256,
  passwordCharactersMax: 1_024,
  /** After this many wrong passwords of one client from one address, a pause precedes each check and doubles each time. */
  guessesFreeMax: 3,
  guessPauseMs: 1_000,
  guessPauseMsMax: 60_000,
  guessesRememberedMax: 10_000,
  /** Operations, and sets of them, in a client's `allow`. */
  allowTermsMax: 100,
  /** Pinned certificates that the server compares with a CA before other requests get a turn. */
  pinsPerTurn: 50,
  /** Within this time, a refused attempt on a client of another instance is in that instance's audit. */
  trustNoticeDelayMsMax: 2_000,
  /** The longest grace for an expired certificate. */
  expiredGraceDaysMax: 3_650,
  /** Warnings of an expiry begin here, as vCenter's own alarms do. */
  expiryWarningDays: 30,

  // --- what an instance may hold ---
  /** Unless its settings say something else. */
  instanceObjectsDefault: 2_000_000,
  instanceBytesDefault: 4 * 1024 ** 3,
  /** The largest settings. */
  instanceObjectsMax: 100_000_000,
  instanceBytesMax: 2 ** 50,
  /** A warning names an instance that uses this part of a limit. */
  instanceNearLimitRatio: 0.8,

  // --- destroyed keys that can be brought back ---
  /** The longest delay of an instance. */
  destroyDelaySecondsMax: 366 * 24 * 3600,
  /** How much of the time when the server was off counts towards a delay: the wall clock may be wrong. */
  recoveryOffMsMax: 24 * 3600_000,
  recoveryKeepEveryMs: 3600_000,
  recoveryLookEveryMs: 60_000,
  /** Objects whose material one commit removes. */
  recoveryRemovedTogether: 100,

  // --- keys at rest ---
  cacheSecondsMin: 1,
  cacheSecondsMax: 24 * 3600,
  outageSecondsMax: 7 * 24 * 3600,
  wrappedKeyBytesMax: 16 * 1024,
  /** A root key seals at most this many bytes in one call: Key Protect accepts 4,096 characters of base64. */
  rootKeyPlaintextBytesMax: 3 * 1024,
  rootKeyFileBytesMax: 4 * 1024,
  /** A call of a PKCS #11 module, after which its process is killed. Network HSMs fail over within some seconds. */
  pkcs11CallMs: 15_000,
  /** After a start of its process that failed, a token is not tried again for so long. */
  pkcs11StartAgainMs: 1_000,
  pkcs11SessionsMax: 4,
  pkcs11SlotsMax: 1_000,
  pkcs11MechanismsMax: 1_000,
  pkcs11AttributeBytesMax: 4 * 1024,
  pkcs11ListedKeysMax: 1_000,
  pkcs11PinFileBytesMax: 1_024,
  /** Refused PINs of one token that are not tried again; the oldest goes first. Tokens lock after fewer. */
  pkcs11RefusedPinsMax: 20,
  pkcs11RsaBitsMin: 2_048,
  /** Shorter passphrases for root key files need a setting in the configuration. */
  passphraseCharactersMin: 12,
  /** Unsealed values in memory. The oldest is dropped first. */
  unsealedDataKeysMax: 10_000,
  unsealedObjectsMax: 50_000,
  unsealedPurgeEveryMs: 60_000,
  /** How long a request waits for a silent root key service, and for one that answers others. KMIP clients wait ten seconds. */
  rootKeySilenceMs: 4_000,
  rootKeyWaitMs: 9_000,
  /** How often Mortise asks again after a refusal of a root key, or while its service does not answer. */
  rootKeyAskAgainMs: 5_000,
  /** Keys that do not open: how many of each instance the server remembers and reports, and how many it names in one sentence. */
  closedKeysMax: 200,
  closedKeysNamedMax: 3,
  /** Stored items that failed their authentication: how many the server remembers, and how often the log names each. */
  alteredItemsMax: 200,
  alteredToldEveryMs: 60 * 60_000,
  /** Generations of one standard key that the server tries to store while no answer comes. */
  standardKeyTriesMax: 3,
  /** After a lost answer, the service has this long to finish, before the server looks for the result. */
  standardKeyLookAfterMs: 500,
  /** For this long after one was made, another node of the service may not know it. */
  standardKeyUnknownMs: 5_000,
  /** For this long the server repeats a trial with standard keys that gets no answer. */
  standardKeyTrialAgainMs: 5_000,
  /** How often, and for how long, the server looks for remains of a trial. The wait doubles each time. */
  standardKeyTrialLooksMax: 4,
  standardKeyTrialClearMs: 10_000,
  /** How long the server looks for remains of old trials, and how long it deletes them. */
  standardKeyTrialSweepMs: 5_000,
  /** The largest expected error of the service's clock. */
  standardKeyClockSkewMs: 60 * 60_000,
  /** How often the server retries what it has yet to store or delete at the service. */
  standardKeySweepEveryMs: 60_000,
  /** How often it looks whether the owner brought a standard key back that is to say that its key is closed. */
  standardKeyGoneAgainMs: 60 * 60_000,
  /** How often the server lists all standard keys of an instance. */
  standardKeyListEveryMs: 24 * 3600_000,
  /** After a lost answer, the server lists them this much later: a younger standard key may belong to a running request. */
  standardKeySweepAfterMs: 11 * 60_000,
  /** A trial that is this much older than the newest one has ended. */
  standardKeyGivenUpMs: 10 * 60_000,
  /** How long the server relies on its last look for a higher epoch. */
  epochLookMs: 5_000,
  /** How long the server waits before it looks again for a higher generation of a closed key. */
  higherLookMs: 5_000,
  /** How long the server reports that another server stored keys of the same instance. */
  anotherServerToldMs: 24 * 3600_000,
  /** The names in a standard key, as JSON. */
  standardKeyNamesBytesMax: 1_024,
  /** The JSON in which a standard key says how its bytes are to be read. Objects with more are stored in the database. */
  standardKeyHeadBytesMax: 1_024,
  /** Shredding an instance waits this long for the deletion of its standard keys; the receipt counts the rest. */
  shredWaitMs: 5_000,
  /** The server reports undeleted standard keys once the service has not answered for this long. */
  standardKeyLeftAfterMs: 5 * 60_000,
  /** The server reports that standard keys cannot be read once no read was answered for this long. Gets are refused meanwhile. */
  standardKeyUnreadAfterMs: 20_000,
  /** Two unanswered calls that are further apart do not add up to a trouble that lasts; a third one does. */
  standardKeyFailuresApartMs: 10 * 60_000,
  /** Objects that long work on an instance (move or rewrap) processes concurrently. */
  instanceWorkAtOnce: 8,
  instanceWorkPageObjects: 200,
  /** How often a node looks for work that another node started. */
  instanceWorkLookEveryMs: 10_000,
  /** The first wait while a root key does not answer. It doubles up to the maximum. */
  instanceWorkRetryFirstMs: 1_000,
  instanceWorkRetryMaxMs: 60_000,
  /** When the server stops, running work has this long to finish its objects. */
  instanceWorkStopMs: 5_000,
  /** The newest version of a root key: how long an answer is kept, and how long the server waits for one. */
  newestVersionKeptMs: 2_000,
  newestVersionWaitMs: 3_000,
  /** How many objects the server names that Key Protect alone cannot restore. */
  notRecoverableToldMax: 100,
  /** Objects whose newer wrapped form the service returned by itself: waiting to be stored, and stored concurrently. */
  handedBackWaitingMax: 10_000,
  handedBackAtOnce: 1,
  accessFlushMs: 100,
  /** Access records: how soon they are moved from their file into the audit log, and tried again after a failure. */
  accessMoveMs: 400,
  accessMoveAgainMs: 1_000,
  /** How many are moved in one change: others wait that long. */
  accessMoveRecords: 500,
  /** Gets are refused while access records wait longer than this for the audit log, or while more of them wait. */
  accessUnchainedMsMax: 60_000,
  accessRecordsMax: 200_000,
  /** A record that the file or the store has not taken by then is refused, and so is the request that waits for it. */
  accessTakenMsMax: 5_000,
  /** How often the server looks for such records, and tries whether records are taken again. */
  accessLookMs: 1_000,
  /** The thread that writes the file takes this much at once. */
  accessAppendBytes: 256 * 1024,
  /** While it writes no more than this, a few records, the thread that serves TLS looks for the answer for so long before it sleeps. */
  accessSpinBytesMax: 2_048,
  accessSpinUsMax: 40,
  /** With more in the file, new records wait until those in it are moved, if these are few enough; with four times as much, in any case. */
  accessLogBytes: 4 * 1024 * 1024,
  accessHoldRecords: 200,
  destroyedGoneMs: 10_000,
  /** How soon the store tries again to delete pruned entries, where that failed. */
  pruneAgainMs: 10_000,
  /** How often a node on PostgreSQL looks for pruned entries that another node left when it ended. */
  pruneLookEveryMs: 3_600_000,
  /** Changes in one commit of the writer. */
  commitGroupMax: 256,
  /** Changes that wait for the writer. The server refuses more as busy. */
  commitQueueMax: 20_000,
  /** How long the writer waits for another program that locks the database. */
  storeBusyMs: 2_000,
  /** A disk that takes no change for so long counts as one that hangs. */
  storeSilentMs: 10_000,
  /** The same for a read, which blocks the thread that serves requests. */
  storeReadBusyMs: 50,
  /** Objects that a reader keeps in memory until the database changes; each counts with its bytes and about what it takes decoded. */
  readMemoryBytes: 32 * 1024 * 1024,
  readMemoryObjectBytes: 6 * 1024,
  /** A database up to this size is checked completely when the server opens it. */
  storeCheckBytesMax: 64 * 1024 * 1024,
  /** Records that a page of a dump holds, and that one transaction of a restore writes. */
  dumpPageRecords: 200,
  /** Objects that one step of a page of objects reads. */
  objectsStepRows: 50,
  /** How far the store counts objects with one value, to find the most selective value. */
  indexCountMax: 200,
  /** Connections of one process that read from PostgreSQL; one more writes, and a backup has its own. */
  postgresReaders: 4,
  /** How long a connection may take, and an answer on it. */
  postgresConnectMs: 5_000,
  postgresAnswerMs: 10_000,
  /** Longer than PostgreSQL itself lets a statement take: then it does not answer at all. */
  postgresSilentMs: 12_000,
  /** How long the other end of a connection that is ended may take to end it too. */
  postgresEndMs: 1_000,
  postgresKeepAliveMs: 10_000,
  /** How long one step of a migration may take. */
  postgresMigrateMs: 3600_000,
  /** How long a node waits for its turn to write, and how long the database lets one that is silent keep it. */
  postgresTurnMs: 5_000,
  postgresIdleMs: 3_000,
  /**
   * The wait for a table in a turn to write: an administrator's command may hold it for long. The change gives the turn back and tries
   * again after a pause, for as long as it would wait for the turn.
   */
  postgresTableMs: 200,
  postgresTableAgainMs: 1_000,
  /** Once a host was found that takes changes, how long the others may take to show that they are newer. */
  postgresOtherHostsMs: 1_000,
  /**
   * The longest server.leaseSeconds. A replica that takes the primary's place is used this long after it was found, since a node
   * may answer from the old one until then. Shorter than postgresAnswerMs, after which PostgreSQL gives up the wait for a replica.
   */
  postgresLeaseMsMax: 9_000,
  /** How often in that time a node that changes nothing asks for a sign that the database is still the one. */
  postgresBeatsPerLease: 4,
  /**
   * A change of the database's clock that counts as a jump; how far two answers may differ that agree on one; and a difference to the
   * machine's clock that an administrator should mend.
   */
  clockJumpMs: 1_000,
  clockAgreeMs: 50,
  clockDiffersMs: 5_000,
  /** How long a request waits for a sign of the database when the last one is too old. */
  postgresBeatWaitMs: 1_000,
  /** Between two attempts to connect, at first and at most. */
  postgresAgainMs: 100,
  postgresAgainMsMax: 2_000,
  /** Background work of a node that died: so long after its last sign another node takes it over; how often it gives one. */
  leaseMs: 15_000,
  leaseRenewMs: 4_000,
  /** A node that gave no sign for so long is not listed any more. */
  nodeListedMs: 7 * 24 * 3600_000,
  /** With less than this free on the data disk, the server refuses changes. */
  diskFreeBytesMin: 8 * 1024 * 1024,
  diskCheckEveryMs: 1_000,
  /** Reserved on the data disk, so that access records of Get can be written when the disk is full. */
  diskReserveBytes: 16 * 1024 * 1024,

  // --- Services of root keys, and what Key Protect and HPCS have beside it ---
  /** For the connection with its TLS handshake; then, from the request on, for the whole answer. */
  rootKeyConnectTimeoutMs: 4_000,
  rootKeyAnswerTimeoutMs: 10_000,
  /** A call with its retries. A KMIP client may be waiting for it. */
  rootKeyCallTimeoutMs: 20_000,
  rootKeyTriesMax: 5,
  /** The first pause before a retry. It doubles with each retry, and is up to twice as long by chance. */
  rootKeyPauseMs: 100,
  /** The longest Retry-After that Mortise obeys: a longer one may not come from the service. */
  rootKeyQuietMs: 60_000,
  /** Concurrent calls of one instance; others wait. Below: the slots that each lane keeps for itself (call-slots.ts). */
  rootKeyCallsMax: 16,
  rootKeyReadSlots: 4,
  rootKeyOtherSlots: 2,
  /** A call that takes longer, including its wait, counts as slow. */
  keyProtectSlowMs: 5_000,
  /** Mortise closes a connection after this long without a call. */
  rootKeyIdleMs: 60_000,
  /** A page of a list is the largest answer. */
  rootKeyAnswerBytesMax: 4 * 1024 * 1024,
  keyProtectPageKeys: 1_000,
  /** Pages that are read again because keys before them were purged. */
  keyProtectPagesBackMax: 100,
  keyProtectListedKeysMax: 10_000,
  /** The server renews a token in the background after this part of its life, and at the latest this long before its end. */
  iamTokenRefreshAt: 0.8,
  iamTokenSpareMs: 60_000,
  /** How often Mortise asks for a fresh token while the service refuses tokens. */
  iamTokenFreshMs: 10_000,
  /** The longest pause between attempts to log in to a service that does not answer them, however many calls wait. */
  loginPauseMsMax: 1_600,
  /** How long Mortise does not try an API key again that IAM refused. */
  iamRefusedKeyMs: 30_000,
  /**
   * How long AWS's chain of credentials may wait for a program or a service before another one asks anew, at first and at most; twice as
   * long after each, since what hangs is left behind.
   */
  awsChainMs: 10_000,
  awsChainMsMax: 3_600_000,
  /** A file with a credential or a CA for the service of a root key. */
  credentialFileBytesMax: 256 * 1024,
  /** Clouds take signatures up to five minutes old: a clock that is further off is set right by theirs. */
  cloudClockSkewMs: 240_000,
  /** Vault: after this part of its life a token is renewed. One without an end is looked at again as if it lived so long. */
  vaultTokenRefreshAt: 2 / 3,
  vaultEndlessTokenSeconds: 300,
  /** Objects that a restore writes together, and keys that it tries to open before it gives up. */
  restoreCommitObjects: 200,
  /** A backup that is sent to a running server: its bytes, how many are kept at once, and for how long without a new part. */
  uploadBytesMax: 64 * 1024 * 1024 * 1024,
  uploadsMax: 4,
  uploadIdleMs: 15 * 60_000,
  /** How often it is looked whether one is idle. */
  uploadLookEveryMs: 60_000,
  /** Objects that the report of a restore names in each of its lists. */
  restoreNamedMax: 200,
  restoreProofsMax: 3,
  /** How long a restore waits for a service that does not answer, and its pauses between attempts. */
  restoreSilenceMsMax: 5 * 60_000,
  restorePauseMs: 500,
  restorePauseMsMax: 10_000,
  /** How often the server checks the root key of each instance, how many concurrently, and how long readiness waits. */
  rootKeyLookEveryMs: 30_000,
  rootKeyLooksMax: 4,
  readinessWaitMs: 2_000,
  /** How long readiness, metrics and status wait for a file or folder that does not answer, as on a network disk. */
  lookWaitMs: 2_000,
  /** The same for a request that is about the backups themselves: a slow folder is no dead one. */
  backupFolderWaitMs: 10_000,

  // --- backups ---
  /** After so many bytes of a backup it is looked again whether its disk has room. */
  backupLookBytes: 4 * 1024 * 1024,
  /** How often it is looked whether a backup is due. */
  backupTickMs: 10_000,
  /** How long the end of the server waits for a backup that is being given up. */
  backupStopMs: 10_000,
  /** A backup that another node began, and has not written to for so long, is removed. */
  backupLeftMs: 24 * 3600_000,
  /** A backup that is so much later than it should be is warned about. */
  backupGraceMs: 3600_000,
  /** A command that copies a backup elsewhere is ended after this long. */
  backupAfterTimeoutMs: 3600_000,
  /** Keys of each instance that a drill fetches, the newest ones. */
  backupDrillKeys: 50,
  /** Keys that verifying a backup opens, spread over it, unless all are asked for. */
  backupSampleKeys: 1_000,
  /** A backup leaves so much free on its disk, so that a store on it can go on. */
  backupFreeBytesMin: 40 * 1024 * 1024,

  // --- audit ---
  checkpointEveryMs: 60_000,
  /** Marks of destroyed keys that one step reads and checks, in about a millisecond. */
  marksPage: 200,
  /** Destructions in the audit log, the newest ones, that are compared with the marks if one is missing. */
  unmarkedLookMax: 1_000,
  /** A start waits so long for the check of all marks. */
  marksStartMs: 2_000,
  /** Heads of writers that fit into a slot of the anchor. */
  anchorHeadsMax: 16,
  /** MAC keys that are kept, with the one that counts: the owner replaces it by accepting a database. */
  macKeysMax: 32,
  /**
   * Within this time, a refused certificate gets one audit entry. The others bound the entries for one group (a subnet or a
   * client), all entries, and the groups that are counted by name.
   */
  refusalEntryEveryMs: 60_000,
  minuteQuotaPerGroupMax: 10,
  minuteQuotaMax: 100,
  minuteQuotaGroupsMax: 1_000,
  /** Refusals of a client that a minute enters one by one, for each action and reason, and the kinds of them that are counted. */
  refusalsEnteredMax: 20,
  refusalKindsMax: 5_000,
  /** Entries that one step of a search reads. */
  auditStepEntries: 500,
  /** Entries that lists leave out, as a verification names them. */
  auditMisfiledMax: 100,

  // --- the admin API ---
  adminBodyBytesMax: 1024 * 1024,
  /** A body on a route that needs no token: a login. */
  adminPublicBodyBytesMax: 16 * 1024,
  /** A body of the few routes that take long lists, such as a proof with a check for each of 100,000 keys. */
  adminLargeBodyBytesMax: 16 * 1024 * 1024,
  /** The command line sends a long list in parts, so that each fits a body. */
  adminPartBytesMax: 700_000,
  adminRequestTimeoutMs: 30_000,
  /** From a TCP connection to the end of its TLS handshake. */
  adminHandshakeTimeoutMs: 5_000,
  /** From the handshake, or from a request's first byte, to the end of the request's headers. */
  adminHeadersTimeoutMs: 10_000,
  /** Running requests have this long when the server stops. */
  adminCloseGraceMs: 5_000,
  adminHeaderBytesMax: 16 * 1024,
  /** How much a refusal names of what is wrong with a request. */
  adminFaultsNamedMax: 5,
  adminFaultNameCharactersMax: 100,
  /** A turn of a request. After this long, its work lets KMIP clients and other requests go first. */
  adminTurnMs: 1,
  /** Within this time, the same request that the same party may not make gets one audit entry. */
  adminRefusalEntryEveryMs: 3600_000,
  /** Sessions of the console: how long they last at most, how long without a request, and when their text is made anew. */
  sessionMs: 8 * 3600_000,
  sessionIdleMs: 30 * 60_000,
  sessionRenewMs: 60_000,
  /** Sessions of tokens that somebody ended in the last hour: of all, and of the tokens of one instance, or one other token. */
  endedSessionsMax: 5_000,
  endedSessionsPerPartyMax: 1_000,
  /** Sessions of people whom the identity provider knows: of one person, and in all. The oldest give way. */
  sessionsPerPersonMax: 20,
  personSessionsMax: 1_000,
  /** How much of what a provider says of a person is looked at. */
  personNameCharactersMax: 200,
  /** Names of one person that a session knows, of earlier logins too. */
  personNamesMax: 20,
  personGroupsMax: 10_000,
  /** Logins that ask the identity provider at the same time, in all and from one subnet (an IPv4 address, or an IPv6 /64), how long each may take, and how large an answer may be. */
  oidcLoginsMax: 16,
  oidcLoginsPerAddressMax: 6,
  oidcTimeoutMs: 15_000,
  oidcAnswerBytesMax: 1024 * 1024,
  /** How long what the provider says of itself is kept. */
  oidcMetadataMs: 10 * 60_000,
  /** The answer that a browser brings back from the provider. */
  loginAnswerCharactersMax: 8_192,
  /** From the beginning of a login to its end. */
  loginMs: 15 * 60_000,
  /** The largest answer that the client accepts. A page of audit entries is the largest that is not streamed. */
  adminAnswerBytesMax: 64 * 1024 * 1024,
  adminConnectionsMax: 256,
  /** For one IPv4 address or one IPv6 /64. */
  adminConnectionsPerAddressMax: 64,
  /** Requests of one connection that are being answered. Browsers, proxies and the command line wait for each answer. */
  adminRequestsPipelinedMax: 4,
  /** The client's wait for a connection, and again for the TLS handshake. */
  adminConnectTimeoutMs: 10_000,
  /** A connection without progress, including an answer that the peer does not read. */
  adminIdleTimeoutMs: 60_000,
  /** The same for routes that may take minutes (verifying the audit log). */
  adminSlowTimeoutMs: 60 * 60_000,
  listPageMax: 1_000,
  /** Objects that a list reads in one step. */
  listStepObjects: 200,
  /** Objects that one page of a filtered list reads. */
  listScannedMax: 20_000,
  /** Names in one refusal. */
  namesToldMax: 20,
  /** Audit entries of one key that are read to show who fetched it. */
  fetchesReadMax: 5_000,
  /** Audit entries of one key, and clients, that a list shows of what restrictions that go one way would refuse. */
  oneWayFetchesReadMax: 100,
  oneWayClientsMax: 200,
  tokenExpiryDaysMax: 3_650,
  /** People and tokens that made a token one after the other, each counted once. */
  tokenMakersMax: 100,
  /** The first token is for setup. A warning names it when it is older than this. */
  bootstrapTokenDays: 7,

  // --- two persons ---
  /** How long a request waits for a second person. */
  approvalMs: 24 * 3600_000,
  /** How far the clock may be behind the time of a request that is approved. */
  approvalClockSlackMs: 5 * 60_000,
  /** Requests about one instance, or about the server. */
  approvalsWaitingMax: 100,
  /** One person leaves room for the others. */
  approvalsWaitingPerPersonMax: 20,
  /** How long, and how many of one instance or of the server, requests that are over stay in the list. The audit log keeps all. */
  approvalKeptMs: 30 * 24 * 3600_000,
  approvalsKeptMax: 100,
  /** One request's question, its answer, and the reason of a refusal. */
  approvalAskedBytesMax: 16 * 1024,
  approvalResultCharactersMax: 16 * 1024,
  approvalReasonCharactersMax: 500,
  /** How often requests are looked at that are over, or approved and not carried out. */
  approvalLookEveryMs: 60_000,
  /** How often a command that waits asks. */
  approvalPollMs: 1_000,
  /** After a start that guards fewer acts, status says so for this long. */
  approvalChangeToldDays: 7,

  // --- inventories ---
  /** Rows of one inventory, bytes and characters of a file to import. */
  inventoryRowsMax: 100_000,
  inventoryFileBytesMax: 64 * 1024 * 1024,
  /** One line of a file, or one JSON object. */
  inventoryRecordCharactersMax: 16 * 1024,
  /** A name of a machine, a disk, a provider or a vCenter. */
  inventoryTextCharactersMax: 255,
  /** Rows of one request. */
  inventoryBatchRowsMax: 2_000,
  /** vCenters of one instance, and imports into it that are under way. */
  inventoriesPerInstanceMax: 8,
  inventoriesOpenMax: 4,
  /** An import that takes longer was interrupted. */
  inventoryOpenMsMax: 3600_000,
  /** How far ahead the clock may be of whoever took an inventory. */
  inventoryAheadMsMax: 3600_000,
  /** An older inventory is labelled old. */
  inventoryOldDays: 7,
  /** How often machines whose key is missing are counted anew, for the condition. */
  inventoryLookEveryMs: 5 * 60_000,
  /** Rows that one step reads, keys that one step looks up, rows that one commit removes. */
  inventoryStepRows: 200,
  inventoryStepKeys: 100,
  inventorySweepRows: 2_000,
  /** Machines that are named where a key is in use. */
  inventoryNamesToldMax: 5,
  /** Providers that one report may name. */
  inventoryProvidersMax: 32,

  // --- traffic ---
  /** How often the keys that clients fetched are counted, to say how many a minute, and over how long that looks back. */
  trafficLookEveryMs: 10_000,
  trafficWindowMs: 60_000,

  // --- conditions ---
  tokenWarningDays: 14,
  /** A token that nobody used for so long should be revoked. */
  tokenUnusedDays: 90,
  /** A recovered manager token is valid for so long, and status reports for so many days that there was one. */
  tokenRecoveryMs: 3600_000,
  tokenRecoveryToldDays: 7,
  /** How long a root key challenge can be answered, and how many are open at once. */
  rootKeyChallengeMs: 60_000,
  /** After a root key's service did not wrap a challenge, nobody makes it try again for so long. */
  rootKeyChallengeAgainMs: 5_000,
  rootKeyChallengesMax: 16,
  /** How old the last export of the audit log, or an audit log without one, may be. */
  auditExportDays: 30,
  /** A backup should be verified this often. */
  backupVerifyDays: 30,
  /** Entries younger than this are pruned only if somebody insists. */
  auditKeepDaysMin: 90,
  /** How much longer than `audit.keep` entries may stay: pruning waits for the next day. */
  auditKeepSlackDays: 3,
  /** So long a wall clock must have been ahead before audit entries go by it; and how much further it may get meanwhile. */
  clockBelievedMs: 3 * 24 * 3600_000,
  clockDriftMs: 3600_000,
  diskLowBytes: 512 * 1024 * 1024,
  /** How far the clock may be behind the last audit entry. */
  clockBehindMs: 60_000,
  /** How long that is told: entries of a clock that was years ahead stay for years. */
  clockBehindToldDays: 7,
  /** How long after a failover a node may take to come back, and how long it is named that has not. */
  failoverProveMs: 60_000,
  failoverToldDays: 30,
  /** Clients that asked for a KMIP version that is not served: how many are remembered, and for how long. */
  unservedVersionsMax: 100,
  unservedVersionsToldMs: 24 * 3600_000,
} as const

if (limits.untrustedMessageBytesMax > limits.messageBytesMax) throw new Error('limits: untrusted > message')
if (limits.objectMaterialBytesMax + limits.objectAttributesBytesMax > limits.messageBytesMax)
  throw new Error('limits: an object would not fit a message')
if (limits.trustChangesAtOnce >= limits.conflictRetriesMax)
  throw new Error('limits: changes of trust at once >= retries')
if (limits.bufferedBytesMax < 4 * limits.messageBytesMax)
  throw new Error('limits: message and answer > what one may hold')
if (limits.httpHeadBytesMax >= limits.untrustedMessageBytesMax) throw new Error('limits: HTTP head > message')
if (limits.handshakesPerAddressMax > limits.costlyHandshakesMax)
  throw new Error('limits: handshakes of one > all')
if (limits.connectionsPerAddressMax > limits.connectionsMax) throw new Error('limits: address > all')
if (limits.adminConnectionsPerAddressMax > limits.adminConnectionsMax)
  throw new Error('limits: admin connections of one address > all')
if (limits.adminHeadersTimeoutMs > limits.adminRequestTimeoutMs) throw new Error('limits: headers > request')
if (limits.standardKeyLeftAfterMs > limits.standardKeyFailuresApartMs)
  throw new Error('limits: left standard keys > pause between failures')
if (limits.taskPauseMs > limits.closeGraceMs) throw new Error('limits: pause in a task > grace of a stop')
if (limits.cryptoJobMsMax > limits.answerTimeoutMs) throw new Error('limits: computation > answer')
if (limits.rootKeyCallTimeoutMs > limits.answerTimeoutMs)
  throw new Error('limits: call of a root key > answer')
