// Bounds that several files share, each with its unit last in the name.

export const accessFlushMs = 100
/** How soon the store tries again to delete pruned entries, where that failed. */
export const pruneAgainMs = 10_000
/** Changes in one commit of the writer. */
export const commitGroupMax = 256
/** Changes that wait for the writer. The server refuses more as busy. */
export const commitQueueMax = 20_000
/** A disk that takes no change for so long counts as one that hangs. */
export const storeSilentMs = 10_000
