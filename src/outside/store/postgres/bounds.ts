// Bounds that several files share, each with its unit last in the name.

/** How long an answer may take. */
export const postgresAnswerMs = 10_000
/** How long a node waits for its turn to write, and how long the database lets one that is silent keep it. */
export const postgresTurnMs = 5_000
export const postgresIdleMs = 3_000
/** Between two attempts to connect, at most. */
export const postgresAgainMsMax = 2_000
