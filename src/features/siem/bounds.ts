// Bounds that several files share, each with its unit last in the name.

/** The interval of the looks for new entries in the log, and of the questions to the receiver about what it has. */
export const siemPollMs = 1_000
