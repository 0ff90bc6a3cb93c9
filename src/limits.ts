// Every bound of the server, with its unit last in the name. Nothing here is read from the outside: what an
// administrator may change is in config.ts, within these bounds. Relations between bounds are asserted below,
// so that a change of one that breaks another is found at start.

export const limits = {
  // --- TTLV (KMIP 1.4 §9.1) ---
  /** The largest message that is read or sent, in bytes with its header. A larger length closes the connection. */
  messageBytesMax: 1024 * 1024,
  /** From a certificate that is not trusted no more than this is read (design: invariant 11). */
  strangerMessageBytesMax: 8 * 1024,
  /** Nesting of structures where a schema does not bound it (custom attributes, vendor extensions). */
  structureDepthMax: 16,
  /** Items of one message, structures included. */
  messageItemsMax: 20_000,

  // --- KMIP ---
  batchItemsMax: 1_000,
  uniqueIdentifierBytesMax: 1_024,
  attributeNameBytesMax: 1_024,
  attributeInstancesMax: 1_000,
  objectAttributesMax: 1_000,
  /** All attributes of one object, packed. */
  objectAttributesBytesMax: 256 * 1024,
  /** Key material, secret data or opaque data of one object. */
  objectMaterialBytesMax: 512 * 1024,
  /** Locate answers at most this many identifiers at a time, whatever Maximum Items asks. */
  locateItemsMax: 10_000,
  /** Attributes that one Locate may ask for, and how many of them the store's index is asked for. */
  locateAttributesMax: 100,
  locateIndexedMax: 8,
  /** Work that met a concurrent change is done again this often before it is refused. */
  conflictRetriesMax: 20,

  // --- the mTLS door ---
  connectionsMax: 12_000,
  connectionsPerAddressMax: 11_000,
  /** Connections of an address from which a trusted client came that are not closed for one that is not known. */
  knownConnectionsKept: 256,
  /** Connections that the kernel may hold until they are accepted. */
  acceptBacklog: 4_096,
  /** TLS's own bound of a record, with its header: the ClientHello is read whole before its turn. */
  helloBytesMax: 16 * 1024 + 5,
  /** For the ClientHello to arrive, and again for the handshake from its turn to its end. */
  handshakeTimeoutMs: 10_000,
  /** A whole ClientHello waits at most this long for its turn. */
  handshakeWaitMs: 30_000,
  /** A handshake that takes longer waits for its peer, and another may be begun in its place. */
  handshakeStallMs: 1_000,
  /** Handshakes of one address that are worked on at the same time; more wait their turn. */
  handshakesPerAddressMax: 8,
  /** Fewer of known addresses, whose chains are not bounded before OpenSSL verifies them. */
  knownHandshakesPerAddressMax: 3,
  /** The same of all addresses from which a trusted client came, of all others, and of those that cost most. */
  handshakesMax: 64,
  newHandshakesMax: 32,
  costlyHandshakesMax: 16,
  /** Turns of known addresses, before one of another that waits. */
  knownTurnsInARowMax: 4,
  /**
   * What the peer may send until its handshake is done, where no trusted client came from its address: a chain of six
   * certificates with 4096-bit keys. OpenSSL takes 100 KB, and verifying that may take a second; this, a tenth.
   */
  strangerHandshakeBytesMax: 16 * 1024,
  /** A handshake above this goes last: vCenter's is below 4 KB, and verifying this takes some ten milliseconds. */
  longHandshakeBytes: 6 * 1024,
  /** Handshakes of addresses that are not known get so much of the thread's time, and so much that they did not use. */
  newTimePercent: 20,
  newTimeSavedMaxMs: 1_000,
  /** The same for those whose handshakes cost most. */
  costlyTimePercent: 10,
  costlyTimeSavedMaxMs: 200,
  /** What was used beyond a share is waited for, up to so much: a busy machine must not keep a newcomer out for long. */
  timeDebtMaxMs: 500,
  /** A piece of a handshake that takes the thread longer is not an ordinary one. */
  handshakeOrdinaryMs: 10,
  /** One that is not measured and takes longer, together with what ran meanwhile, is measured from the next one on. */
  handshakeSuspectMs: 50,
  subnetWatchedForMs: 60 * 60_000,
  /** An address counts as known for so long after a trusted client authenticated from there. */
  subnetKnownForMs: 24 * 60 * 60_000,
  /** What its handshakes may have cost for it to go first still; and for another not to go last. */
  subnetKnownSpentMs: 250,
  subnetNewSpentMs: 25,
  subnetSpentMaxMs: 400,
  subnetForgivenMsPerSecond: 1,
  /** Addresses that are remembered, for either. */
  subnetsRememberedMax: 10_000,
  /** Connections that are accepted before the next handshake is begun, while more are to be accepted. */
  acceptsPerHandshakeMax: 20,
  /** Sessions may be resumed for this long. */
  tlsSessionSeconds: 3_600,
  tcpKeepAliveMs: 60_000,
  /** A message must be whole this long after its first byte. */
  messageTimeoutMs: 30_000,
  /** A connection without any byte is closed after this long; clients keep pools (vsphere: 10 s and more). */
  idleTimeoutMs: 15 * 60_000,
  /** A peer that does not take its answer is cut off. */
  writeTimeoutMs: 30_000,
  /** Requests of one connection that wait while one is worked on: reading stops beyond it. */
  requestsQueuedPerConnectionMax: 4,
  /** Answering takes far less; this only keeps a request that hangs from holding its connection for ever. */
  answerTimeoutMs: 120_000,
  /** After the peer has ended its side, a running request has this long; then the rest of it is given up. */
  answerAfterEndMs: 250,
  /** Behind a request that runs longer than that, so much is read ahead, to see whether the peer ends its side. */
  lookAheadBytesMax: 1024 * 1024,
  /** A turn: after so long, work on a request lets others go first. */
  turnMs: 0.5,
  /** Before sockets are read again, turns begin until so much time is used up, and so many at most. */
  turnsTogetherMs: 1,
  turnsTogetherMax: 16,
  /** Messages and answers above strangerMessageBytesMax that are not answered or sent yet, all connections together. */
  bufferedBytesMax: 256 * 1024 * 1024,
  /** After our last word, what a peer still sends is thrown away for so long and so much; then the connection is cut. */
  lingerMs: 2_000,
  lingerBytesMax: 2 * 1024 * 1024,
  /** The same warning of the door is logged at most this often. */
  noticeEveryMs: 60_000,
  /** Running requests have this long to be answered when the door closes. */
  closeGraceMs: 5_000,

  // --- the KMIP client, where its user sets nothing else ---
  clientConnectTimeoutMs: 5_000,
  clientHandshakeTimeoutMs: 10_000,
  clientAnswerTimeoutMs: 30_000,
  /** An address that failed is asked last for so long. */
  clientRestMs: 30_000,
  /** After our end of a connection the server has this long for its own. */
  clientCloseGraceMs: 1_000,

  // --- clients ---
  pendingClientsMax: 100,
  /** An IPv4 address, or an IPv6 /64. */
  pendingPerSubnetMax: 5,
  /** A certificate that came back within this time is the last of its subnet to give up its place. */
  pendingSettledMs: 60 * 60_000,
  pendingWriteEveryMs: 1_000,
  certificateBytesMax: 64 * 1024,
  /** Of subject and issuer each. Names in use have some hundred bytes and ten attributes at most. */
  certificateNameBytesMax: 4 * 1024,
  certificateNameAttributesMax: 64,
  /** Of a value in it that is no text and is shown in hex: nobody reads more. */
  certificateNameHexBytesMax: 128,
  certificateDaysMax: 100 * 365,
  /** Host names and addresses of the server's certificate, which travels in each handshake. */
  certificateNamesMax: 200,
  /** A certificate's time to be switched to is looked at this often: the clock may be set. */
  scheduleCheckEveryMs: 60_000,
  subjectPatternCharactersMax: 256,
  clientNameCharactersMax: 200,
  userNameCharactersMax: 256,
  passwordCharactersMax: 1_024,
  /** After so many wrong passwords of one client from one address the next is checked after a pause, doubled with each. */
  guessesFreeMax: 3,
  guessPauseMs: 1_000,
  guessPauseMsMax: 60_000,
  guessesRememberedMax: 10_000,
  /** Operations and sets of them that a client's `allow` names. */
  allowTermsMax: 100,
  /** Pinned certificates that are compared with a CA before other requests get a turn. */
  pinsPerTurn: 50,
  /** A refused attempt on a client of another instance is entered in that instance's audit within this time. */
  trustNoticeDelayMsMax: 2_000,
  /** An expired certificate can be served for this long at most. */
  expiredGraceDaysMax: 3_650,
  /** From here on an expiry is warned about: where vCenter's own alarms begin too. */
  expiryWarningDays: 30,

  // --- what an instance may hold ---
  /** Where its settings say nothing else. */
  instanceObjectsDefault: 2_000_000,
  instanceBytesDefault: 4 * 1024 ** 3,
  /** The most that may be set. */
  instanceObjectsMax: 100_000_000,
  instanceBytesMax: 2 ** 50,
  /** An instance that holds so much of a limit is near it: a warning says so. */
  instanceNearLimitRatio: 0.8,

  // --- keys at rest ---
  cacheSecondsMin: 1,
  cacheSecondsMax: 24 * 3600,
  outageSecondsMax: 7 * 24 * 3600,
  wrappedKeyBytesMax: 16 * 1024,
  /** What a root key seals at a time: Key Protect takes 4,096 characters of base64. */
  rootKeyPlaintextBytesMax: 3 * 1024,
  rootKeyFileBytesMax: 4 * 1024,
  /** A root key file is made under a shorter passphrase only where the configuration says so. */
  passphraseCharactersMin: 12,
  /** Unsealed values in memory; the oldest goes first. */
  unsealedDataKeysMax: 10_000,
  unsealedObjectsMax: 50_000,
  unsealedPurgeEveryMs: 60_000,
  /** How long a request waits for a silent root key service. KMIP clients wait ten seconds. */
  rootKeySilenceMs: 4_000,
  /** How often Mortise asks again after a refusal of a root key, or while its service does not answer. */
  rootKeyAskAgainMs: 5_000,
  /** Of keys that do not open so many are remembered, and told; `closedKeysNamedMax` in one sentence. */
  closedKeysMax: 200,
  closedKeysNamedMax: 3,
  /** Stored things that failed their authentication: so many are remembered, and the log names each this often. */
  alteredItemsMax: 200,
  alteredToldEveryMs: 60 * 60_000,
  /** Generations of one standard key that are tried while no answer comes. */
  standardKeyTriesMax: 3,
  /** After an answer that was lost the service has so long to end what it began, before it is looked for. */
  standardKeyLookAfterMs: 500,
  /** A trial with standard keys that is not answered is begun anew for so long. */
  standardKeyTrialAgainMs: 5_000,
  /** What it may have left is looked for so often, each time after twice the wait, and for no longer than the second. */
  standardKeyTrialLooksMax: 4,
  standardKeyTrialClearMs: 10_000,
  /** What trials of long ago left is looked for so long, and deleted for so long. */
  standardKeyTrialSweepMs: 5_000,
  /** The service's clock may be off by so much. */
  standardKeyClockSkewMs: 60 * 60_000,
  /** How often what is due or unwanted at the service is tried again. */
  standardKeySweepEveryMs: 60_000,
  /** How often everything is listed that the service has of an instance. */
  standardKeyListEveryMs: 24 * 3600_000,
  /** After an answer was lost it is listed so much later: a younger standard key may belong to a running request. */
  standardKeySweepAfterMs: 11 * 60_000,
  /** Trials that are so much older than the newest one do not run any more. */
  standardKeyGivenUpMs: 10 * 60_000,
  /** A look for a server with a higher epoch is good for so long. */
  epochLookMs: 5_000,
  /** Where no higher generation of a closed key was listed, it is looked for again after so long. */
  higherLookMs: 5_000,
  /** For so long it is told that another server stored something of the same instance. */
  anotherServerToldMs: 24 * 3600_000,
  /** Names of an object that its standard key holds, as JSON. */
  standardKeyNamesBytesMax: 1_024,
  /** Whoever shreds an instance waits so long for its standard keys to be deleted; then the receipt says what is left. */
  shredWaitMs: 5_000,
  /** Unwanted ones are told as left at the service once it has not answered for so long. */
  standardKeyLeftAfterMs: 5 * 60_000,
  /** Objects that long work on an instance (another root key, another custody, rewrapping) has in hand at a time. */
  instanceWorkAtOnce: 8,
  instanceWorkPageObjects: 200,
  /** How often work is looked for that another node began. */
  instanceWorkLookEveryMs: 10_000,
  /** The first wait while a root key does not answer; doubled up to the second. */
  instanceWorkRetryFirstMs: 1_000,
  instanceWorkRetryMaxMs: 60_000,
  /** Work that runs has this long to end its items when the server stops. */
  instanceWorkStopMs: 5_000,
  /** Which version of a root key is the newest: asked for this often while work is watched, waited for no longer. */
  newestVersionKeptMs: 2_000,
  newestVersionWaitMs: 3_000,
  /** Objects that cannot be brought back from Key Protect: so many are named. */
  notRecoverableToldMax: 100,
  /** Objects of which the service gave a newer wrapped form by itself: so many wait, so many are worked on. */
  handedBackWaitingMax: 10_000,
  handedBackAtOnce: 1,
  accessFlushMs: 100,
  destroyedGoneMs: 10_000,
  /** Changes that one commit of the writer takes. */
  commitGroupMax: 256,
  /** Changes that wait for the writer; more are refused as busy. */
  commitQueueMax: 20_000,
  /** How long the writer waits for another program that holds the database. */
  storeBusyMs: 2_000,
  /** The same for a read, which holds up the thread that serves requests. */
  storeReadBusyMs: 50,
  /** A database up to this size is checked as a whole when it is opened. */
  storeCheckBytesMax: 64 * 1024 * 1024,
  /** Records that a page of a dump holds, and that one transaction of a restore writes. */
  dumpPageRecords: 200,
  /** Objects that one step of a page of objects reads. */
  objectsStepRows: 50,
  /** Objects with one value are counted up to this, to find the value that narrows most. */
  indexCountMax: 200,
  /** With less than this free on the data disk, changes are refused. */
  diskFreeBytesMin: 8 * 1024 * 1024,
  diskCheckEveryMs: 1_000,
  /** Kept free on the data disk so that access records of Get can be written when all else is full. */
  diskReserveBytes: 16 * 1024 * 1024,

  // --- Key Protect and HPCS ---
  /** For the connection with its TLS handshake; then, from the question on, for the whole answer. */
  keyProtectConnectTimeoutMs: 4_000,
  keyProtectAnswerTimeoutMs: 10_000,
  /** A call with all that it takes to repeat it; a KMIP client may be waiting for it. */
  keyProtectCallTimeoutMs: 20_000,
  keyProtectTriesMax: 5,
  /** The first pause before a retry. It doubles with each retry, and is up to twice as long by chance. */
  keyProtectPauseMs: 100,
  /** The longest Retry-After that Mortise obeys: a longer one may not come from the service. */
  keyProtectQuietMs: 60_000,
  /** Concurrent calls of one instance; others wait. Below: the slots that each lane keeps for itself (call-slots.ts). */
  keyProtectCallsMax: 16,
  keyProtectReadSlots: 4,
  keyProtectOtherSlots: 2,
  /** A call that takes longer, including its wait, counts as slow. */
  keyProtectSlowMs: 5_000,
  /** Mortise closes a connection after this long without a call. */
  keyProtectIdleMs: 60_000,
  /** A page of a list is the largest answer. */
  keyProtectAnswerBytesMax: 4 * 1024 * 1024,
  keyProtectPageKeys: 1_000,
  /** Pages that are read again because keys before them were purged. */
  keyProtectPagesBackMax: 100,
  keyProtectListedKeysMax: 10_000,
  /** A token is asked for anew in the background from this part of its life on, so long before its end at the latest. */
  iamTokenRefreshAt: 0.8,
  iamTokenSpareMs: 60_000,
  /** How often Mortise asks for a fresh token while the service refuses tokens. */
  iamTokenFreshMs: 10_000,
  /** How long Mortise does not try an API key again that IAM refused. */
  iamRefusedKeyMs: 30_000,
  ibmFileBytesMax: 256 * 1024,
  /** Objects that a restore writes together, and keys that it tries to open before it gives up. */
  restoreCommitObjects: 200,
  restoreProofsMax: 3,
  /** It waits so long for a service that does not answer, and asks again so often. */
  restorePatienceMs: 5 * 60_000,
  restorePauseMs: 500,
  restorePauseMsMax: 10_000,
  /** The root key of each instance is looked at so often, some at a time; readiness waits so long for it. */
  rootKeyLookEveryMs: 30_000,
  rootKeyLooksMax: 4,
  readinessWaitMs: 2_000,

  // --- backups ---
  /** After so many bytes of a backup it is looked again whether its disk has room. */
  backupLookBytes: 4 * 1024 * 1024,
  /** How often it is looked whether a backup is due. */
  backupTickMs: 10_000,
  /** A backup that is so much later than it should be is warned about. */
  backupGraceMs: 3600_000,
  /** A command that copies a backup elsewhere is ended after this long. */
  backupAfterTimeoutMs: 3600_000,
  /** Keys that verifying a backup opens, spread over it, unless all are asked for. */
  backupSampleKeys: 1_000,
  /** A backup leaves so much free on its disk, so that a store on it can go on. */
  backupFreeBytesMin: 40 * 1024 * 1024,

  // --- audit ---
  checkpointEveryMs: 60_000,
  /** Heads of writers that the anchor names: so many fit its slot. */
  anchorHeadsMax: 16,
  /**
   * A refused certificate is entered once in this time. In it, so many refusals are entered for a group (a subnet, or a
   * client) and in all; so many groups are counted by name.
   */
  strangerAuditEveryMs: 60_000,
  minuteQuotaPerGroupMax: 10,
  minuteQuotaMax: 100,
  minuteQuotaGroupsMax: 1_000,
  /** Entries that one step of a search looks at. */
  auditStepEntries: 500,

  // --- the admin door ---
  adminBodyBytesMax: 1024 * 1024,
  adminRequestTimeoutMs: 30_000,
  /** From a TCP connection to the end of its TLS handshake. */
  adminHandshakeTimeoutMs: 5_000,
  /** From the handshake, or from a request's first byte, to the end of the request's headers. */
  adminHeadersTimeoutMs: 10_000,
  /** Requests that run have this long when the server stops. */
  adminCloseGraceMs: 5_000,
  adminHeaderBytesMax: 16 * 1024,
  /** What the client takes; a page of audit entries is the largest answer that is not streamed. */
  adminAnswerBytesMax: 64 * 1024 * 1024,
  adminConnectionsMax: 256,
  /** Of one IPv4 address or one IPv6 /64. */
  adminConnectionsPerAddressMax: 64,
  /** A connection on which nothing moves, an answer that nobody takes included. */
  adminIdleTimeoutMs: 60_000,
  /** The same for routes that may take minutes (verifying the audit log). */
  adminSlowTimeoutMs: 60 * 60_000,
  listPageMax: 1_000,
  /** Objects that a list looks at in one step. */
  listStepObjects: 200,
  /** Objects that one page of a filtered list looks at. */
  listScannedMax: 20_000,
  /** Names that a refusal tells at most. */
  namesToldMax: 20,
  tokenExpiryDaysMax: 3_650,
  /** The first token is for setting up: older than this it is warned about. */
  bootstrapTokenDays: 7,
} as const

if (limits.strangerMessageBytesMax > limits.messageBytesMax) throw new Error('limits: stranger > message')
if (limits.objectMaterialBytesMax + limits.objectAttributesBytesMax > limits.messageBytesMax)
  throw new Error('limits: an object would not fit a message')
if (limits.bufferedBytesMax < 4 * limits.messageBytesMax)
  throw new Error('limits: message and answer > what one may hold')
if (limits.handshakesPerAddressMax > limits.costlyHandshakesMax)
  throw new Error('limits: handshakes of one > all')
if (limits.connectionsPerAddressMax > limits.connectionsMax) throw new Error('limits: address > all')
if (limits.adminConnectionsPerAddressMax > limits.adminConnectionsMax)
  throw new Error('limits: admin connections of one address > all')
if (limits.adminHeadersTimeoutMs > limits.adminRequestTimeoutMs) throw new Error('limits: headers > request')
if (limits.keyProtectCallTimeoutMs > limits.answerTimeoutMs)
  throw new Error('limits: call of a root key > answer')
