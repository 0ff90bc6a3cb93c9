// Bounds that several files share, each with its unit last in the name.

/** The largest message that the server reads or sends, with its header. A larger one closes the connection. */
export const messageBytesMax = 1024 * 1024
/** The largest message that the server reads from a peer with an untrusted certificate. */
export const untrustedMessageBytesMax = 8 * 1024
/** Nesting of structures where no schema bounds it (custom attributes, vendor extensions). */
export const structureDepthMax = 16
export const batchItemsMax = 1_000
export const uniqueIdentifierBytesMax = 1_024
export const attributeNameBytesMax = 1_024
export const attributeInstancesMax = 1_000
/**
 * The highest index that an attribute from elsewhere may have. It leaves room for the indices of later ones (KMIP 1.4 §2.1.1).
 */
export const attributeIndexMax = 2 ** 30
/** All attributes of one object, encoded. Each further state may add stateAttributesBytes, so that every object can be closed. */
export const objectAttributesBytesMax = 256 * 1024
export const stateAttributesBytes = 1_024
/** Retries of work that met a concurrent change. After these the server refuses it. */
export const conflictRetriesMax = 20
/** An unexpected end of a worker counts for this long. */
export const workerEndsWithinMs = 600_000
export const connectionsMax = 12_000
export const connectionsPerAddressMax = 11_000
/** Connections that an address of a trusted client keeps when the server closes some to make room for an unknown one. */
export const knownConnectionsKept = 256
/** Connections that the kernel holds until the server accepts them. */
export const acceptBacklog = 4_096
/** Connections that have not yet sent the header of a load balancer. */
export const proxyHeadersWaitingMax = 1_000
/** A larger answer counts as a large message. */
export const largeAnswerBytes = 64 * 1024
/**
 * Unanswered messages and unsent answers above untrustedMessageBytesMax, and other waiting bytes, of all connections together.
 */
export const bufferedBytesMax = 256 * 1024 * 1024
/** Parts that a key may be split into. */
export const splitKeyPartsMax = 255
/** The bytes of a prime field's prime. */
export const splitKeyPrimeBytesMax = 1_024
/** A text from a client, in the audit log. */
export const auditTextCharactersMax = 200
/** Unfinished computations in parts, of all clients. */
export const cryptoStreamsMax = 256
/** A failed address is tried last for this long. */
export const clientRestMs = 30_000
/** Identifiers of one request. */
export const adoptRequestIdentifiersMax = 20_000
/** A certificate in DER. */
export const certificateBytesMax = 64 * 1024
/** Certificates in one chain: real ones have three or four. */
export const certificateChainMax = 20
export const certificateDaysMax = 100 * 365
/** Host names and addresses in the server's certificate, which each handshake transfers. */
export const certificateNamesMax = 200
export const clientNameCharactersMax = 200
/** Warnings of an expiry begin here, as vCenter's own alarms do. */
export const expiryWarningDays = 30
export const wrappedKeyBytesMax = 16 * 1024
/** A root key seals at most this many bytes in one call: Key Protect accepts 4,096 characters of base64. */
export const rootKeyPlaintextBytesMax = 3 * 1024
/** How long a request waits for a root key service that answers others. KMIP clients wait ten seconds. */
export const rootKeyWaitMs = 9_000
/** Keys that do not open: how many the server remembers of each instance, and how many it names in one sentence. */
export const closedKeysMax = 200
export const closedKeysNamedMax = 3
/** Stored items that failed their authentication and that the server remembers. */
export const alteredItemsMax = 200
/** Generations of one standard key that the server tries to store while the service does not answer. */
export const standardKeyTriesMax = 3
/** After a lost answer, the server gives the service this long to finish before it looks for the result. */
export const standardKeyLookAfterMs = 500
/** Records that a page of a dump holds, and that one transaction of a restore writes. */
export const dumpPageRecords = 200
/** Objects that one step of a page of objects reads. */
export const objectsStepRows = 50
/**
 * The longest server.leaseSeconds. When a replica replaces the primary, nodes wait this long before they use it, since a node may
 * answer from the old primary until then. Shorter than postgresAnswerMs, after which PostgreSQL gives up the wait for a replica.
 */
export const postgresLeaseMsMax = 9_000
/** A node that is silent for this long counts as dead, and another node takes over its background work. */
export const backgroundLeaseMs = 15_000
/** Concurrent calls of one instance. Further calls wait. */
export const rootKeyCallsMax = 16
/** How long readiness, metrics and status wait for a slow file or folder, for instance on a network disk. */
export const lookWaitMs = 2_000
/** The free space that a backup leaves on its disk, so that a store on the same disk can continue. */
export const backupFreeBytesMin = 40 * 1024 * 1024
/** Marks of destroyed keys that one step reads and checks, in about a millisecond. */
export const marksPage = 200
/** A certificate that is refused again and again gets one audit entry in this time. */
export const refusalEntryEveryMs = 60_000
export const adminBodyBytesMax = 1024 * 1024
/** The command line sends a long list in parts, so that each fits a body. */
export const adminPartBytesMax = 700_000
/** The console ends a session after this long without a request. */
export const sessionIdleMs = 30 * 60_000
/** The longest time from the beginning of a login to its end. */
export const loginMs = 15 * 60_000
/** Entries of one page of a list. */
export const listPageMax = 1_000
/** Objects that a list reads in one step. */
export const listStepObjects = 200
/** Objects that one page of a filtered list reads. */
export const listScannedMax = 20_000
/** Names that one refusal lists. */
export const namesShownMax = 20
/** How long an act waits for a second person's approval. */
export const approvalMs = 24 * 3600_000
/** How long a decided or expired request for approval stays in the list. The audit log keeps all of them. */
export const approvalKeptMs = 30 * 24 * 3600_000
/** The reason that a person gives for a refusal. */
export const approvalReasonCharactersMax = 500
/** One line of a file, or one JSON object. */
export const inventoryRecordCharactersMax = 16 * 1024
/** An inventory older than this is labelled as old. */
export const inventoryOldDays = 7
/** How long an administrator can answer a root key challenge. */
export const rootKeyChallengeMs = 60_000
/** Entries younger than this are pruned only if the request says so. */
export const auditKeepDaysMin = 90
