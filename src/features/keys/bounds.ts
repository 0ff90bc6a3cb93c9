// Bounds that several files share, each with its unit last in the name.

/** Audit entries of one key that are read to show who fetched it. */
export const fetchesReadMax = 5_000
