// Bounds that several files share, each with its unit last in the name.

/** The largest expected error of the service's clock. */
export const standardKeyClockSkewMs = 60 * 60_000
/** How often the server retries what it has yet to store or delete at the service. */
export const standardKeySweepEveryMs = 60_000
/** How often it looks whether the owner brought a standard key back that is to say that its key is closed. */
export const standardKeyGoneAgainMs = 60 * 60_000
/** How often the server lists all standard keys of an instance. */
export const standardKeyListEveryMs = 24 * 3600_000
/** After a lost answer, the server lists them this much later: a younger standard key may belong to a running request. */
export const standardKeySweepAfterMs = 11 * 60_000
/** The JSON in which a standard key says how its bytes are to be read. Objects with more are stored in the database. */
export const standardKeyHeadBytesMax = 1_024
