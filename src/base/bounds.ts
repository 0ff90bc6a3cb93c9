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
/** The highest index with which an instance may come from elsewhere: above it there is room for the indices of all to come (KMIP 1.4 §2.1.1). */
export const attributeIndexMax = 2 ** 30
/**
 * All attributes of one object, encoded; and what the attributes of each further state may take beside that, so that every object can
 * be closed.
 */
export const objectAttributesBytesMax = 256 * 1024
export const stateAttributesBytes = 1_024
/** Retries of work that met a concurrent change, before it is refused. */
export const conflictRetriesMax = 20
/** For this long an end of a worker counts. */
export const workerEndsWithinMs = 600_000
export const connectionsMax = 12_000
export const connectionsPerAddressMax = 11_000
/** Connections that an address of a trusted client keeps when the server closes some to make room for an unknown one. */
export const knownConnectionsKept = 256
/** Connections that the kernel holds until the server accepts them. */
export const acceptBacklog = 4_096
/** Connections that wait for the header of a load balancer. */
export const proxyHeadersWaitingMax = 1_000
/** A larger answer counts as a large message. */
export const largeAnswerBytes = 64 * 1024
/** Unanswered messages and unsent answers above untrustedMessageBytesMax, and what else waits, of all connections together. */
export const bufferedBytesMax = 256 * 1024 * 1024
/** Parts that a key may be split into. */
export const splitKeyPartsMax = 255
/** The bytes of a prime field's prime. */
export const splitKeyPrimeBytesMax = 1_024
/** A text of a client in the audit log. */
export const auditTextCharactersMax = 200
/** Computations in parts that are going on, of all clients. */
export const cryptoStreamsMax = 256
export const clientAnswerTimeoutMs = 30_000
/** For this long, an address that failed is tried last. */
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
/** Keys that do not open: how many of each instance the server remembers and reports, and how many it names in one sentence. */
export const closedKeysMax = 200
export const closedKeysNamedMax = 3
/** Stored items that failed their authentication: how many the server remembers. */
export const alteredItemsMax = 200
/** Generations of one standard key that the server tries to store while no answer comes. */
export const standardKeyTriesMax = 3
/** After a lost answer, the service has this long to finish, before the server looks for the result. */
export const standardKeyLookAfterMs = 500
/** Records that a page of a dump holds, and that one transaction of a restore writes. */
export const dumpPageRecords = 200
/** Objects that one step of a page of objects reads. */
export const objectsStepRows = 50
/**
 * The longest server.leaseSeconds. A replica that takes the primary's place is used this long after it was found, since a node
 * may answer from the old one until then. Shorter than postgresAnswerMs, after which PostgreSQL gives up the wait for a replica.
 */
export const postgresLeaseMsMax = 9_000
/** Another node takes over the background work of a node that died so long after its last sign. */
export const backgroundLeaseMs = 15_000
/** Concurrent calls of one instance; others wait. */
export const rootKeyCallsMax = 16
/** How long readiness, metrics and status wait for a file or folder that does not answer, as on a network disk. */
export const lookWaitMs = 2_000
/** A backup leaves so much free on its disk, so that a store on it can go on. */
export const backupFreeBytesMin = 40 * 1024 * 1024
/** Marks of destroyed keys that one step reads and checks, in about a millisecond. */
export const marksPage = 200
/** Within this time, a refused certificate gets one audit entry. */
export const refusalEntryEveryMs = 60_000
export const adminBodyBytesMax = 1024 * 1024
/** The command line sends a long list in parts, so that each fits a body. */
export const adminPartBytesMax = 700_000
/** How long a session of the console lasts without a request. */
export const sessionIdleMs = 30 * 60_000
/** From the beginning of a login to its end. */
export const loginMs = 15 * 60_000
/** Entries of one page of a list. */
export const listPageMax = 1_000
/** Objects that a list reads in one step. */
export const listStepObjects = 200
/** Objects that one page of a filtered list reads. */
export const listScannedMax = 20_000
/** Names in one refusal. */
export const namesToldMax = 20
/** How long a request waits for a second person. */
export const approvalMs = 24 * 3600_000
/** How long requests that are over stay in the list. The audit log keeps all. */
export const approvalKeptMs = 30 * 24 * 3600_000
/** The reason of a refusal. */
export const approvalReasonCharactersMax = 500
/** One line of a file, or one JSON object. */
export const inventoryRecordCharactersMax = 16 * 1024
/** An older inventory is labelled old. */
export const inventoryOldDays = 7
/** How long a root key challenge can be answered, and how many are open at once. */
export const rootKeyChallengeMs = 60_000
/** Entries younger than this are pruned only if somebody insists. */
export const auditKeepDaysMin = 90
