// Bounds that several files share, each with its unit last in the name.

/** How long the writer waits for another program that locks the database. */
export const storeBusyMs = 2_000
