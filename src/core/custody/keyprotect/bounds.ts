// Bounds that several files share, each with its unit last in the name.

/** The largest expected error of the service's clock. */
export const standardKeyClockSkewMs = 60 * 60_000
/** Interval of the retries of what the server must still store or delete at the service. */
export const standardKeySweepEveryMs = 60_000
/**
 * Interval at which the server checks whether the owner restored a deleted standard key, so that it can record there that the key
 * is closed.
 */
export const standardKeyGoneAgainMs = 60 * 60_000
/** Interval at which the server lists all standard keys of an instance. */
export const standardKeyListEveryMs = 24 * 3600_000
/** Delay of the list after a call without an answer: a younger standard key may belong to a running request. */
export const standardKeySweepAfterMs = 11 * 60_000
/** Size of the JSON head of a standard key, which says how to read its bytes. Objects with a larger head are stored in the database. */
export const standardKeyHeadBytesMax = 1_024
