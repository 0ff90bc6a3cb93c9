// Bounds that several files share, each with its unit last in the name.

/** Records and changes of durability 'process' are on the disk within this time. */
export const accessFlushMs = 100
/** The delay before the store retries a failed deletion of pruned entries. */
export const pruneAgainMs = 10_000
/** The most changes in one commit of the writer. */
export const commitGroupMax = 256
/** The most changes that may wait for the writer. Further changes are refused as busy. */
export const commitQueueMax = 20_000
/** A disk that gives no answer for this time counts as hanging. */
export const storeSilentMs = 10_000
