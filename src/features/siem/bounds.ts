// Bounds that several files share, each with its unit last in the name.

/** How often the log is looked at for new entries, and the receiver for what it has. */
export const siemPollMs = 1_000
