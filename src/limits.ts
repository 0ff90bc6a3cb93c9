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
  /** Objects that Locate compares before it lets other requests run. */
  locateStepObjects: 200,
  /** Work that met a concurrent change is done again this often before it is refused. */
  conflictRetriesMax: 20,

  // --- the mTLS door ---
  connectionsMax: 12_000,
  connectionsPerAddressMax: 11_000,
  handshakeTimeoutMs: 10_000,
  /** Handshakes of one address that are worked on at the same time; more wait their turn. */
  handshakesPerAddressMax: 8,
  handshakesMax: 64,
  /** A message must be whole this long after its first byte. */
  messageTimeoutMs: 30_000,
  /** A connection without any byte is closed after this long; clients keep pools (vsphere: 10 s and more). */
  idleTimeoutMs: 15 * 60_000,
  /** A peer that does not take its answer is cut off. */
  writeTimeoutMs: 30_000,
  /** Requests of one connection that wait while one is worked on: reading stops beyond it. */
  requestsQueuedPerConnectionMax: 4,

  // --- clients ---
  pendingClientsMax: 100,
  pendingPerAddressMax: 5,
  pendingProtectedMs: 60 * 60_000,
  pendingWriteEveryMs: 1_000,
  certificateBytesMax: 64 * 1024,

  // --- keys at rest ---
  cacheSecondsMin: 1,
  cacheSecondsMax: 24 * 3600,
  outageSecondsMax: 7 * 24 * 3600,
  wrappedKeyBytesMax: 16 * 1024,
  accessFlushMs: 100,
  destroyedGoneMs: 10_000,
  /** Changes that one commit of the writer takes. */
  commitGroupMax: 256,
  /** Changes that wait for the writer; more are refused as busy. */
  commitQueueMax: 20_000,
  /** Kept free on the data disk so that access records of Get can be written when all else is full. */
  diskReserveBytes: 16 * 1024 * 1024,

  // --- audit ---
  checkpointEveryMs: 60_000,
  strangerAuditEveryMs: 60_000,

  // --- the admin door ---
  adminBodyBytesMax: 1024 * 1024,
  adminRequestTimeoutMs: 30_000,
  listPageMax: 1_000,
} as const

if (limits.strangerMessageBytesMax > limits.messageBytesMax) throw new Error('limits: stranger > message')
if (limits.objectMaterialBytesMax + limits.objectAttributesBytesMax > limits.messageBytesMax)
  throw new Error('limits: an object would not fit a message')
if (limits.connectionsPerAddressMax > limits.connectionsMax) throw new Error('limits: address > all')
