// Bounds that several files share, each with its unit last in the name.

/** A worker gives a sign this often. */
export const workerSignMs = 1_000
/** A report of a worker counts as new for this long, and one that does not come by then is left out. */
export const workerReportMs = 1_000
/** Workers that have not ended by then when the server stops are killed. */
export const workerStopMs = 15_000
