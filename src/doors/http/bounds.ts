// Bounds that several files share, each with its unit last in the name.

/** A connection without progress, including an answer that the peer does not read. */
export const adminIdleTimeoutMs = 60_000
/** An answer of a route that may take minutes (verifying the audit log). */
export const adminSlowTimeoutMs = 60 * 60_000
/** Machines that are named where a key is in use. */
export const inventoryNamesToldMax = 5
