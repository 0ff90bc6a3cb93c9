// Bounds that several files share, each with its unit last in the name.

/** Identifiers of one adoption. */
export const adoptIdentifiersMax = 1_000_000
/** Connections to the old server, each with one request at a time. */
export const adoptConnectionsMax = 8
/** Objects that are being read or stored at the same time: what waits for the disk shares one flush. */
export const adoptObjectsMax = 32
/** Answers after this time let an adoption ask for half as many at once. */
export const adoptLateMs = 15_000
/** A client waits so long for the old server. KMIP clients wait ten seconds. The call itself goes on. */
export const upstreamWaitMs = 7_000
/** Calls to the old server of one instance at the same time. */
export const upstreamCallsMax = 8
