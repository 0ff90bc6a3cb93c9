// Bounds that several files share, each with its unit last in the name.

/** How long PostgreSQL lets a statement run. */
export const postgresAnswerMs = 10_000
/** How long a node waits for its turn to write, and how long the database lets a node that sends nothing keep the turn. */
export const postgresTurnMs = 5_000
export const postgresIdleMs = 3_000
/** The longest pause between two attempts to connect. */
export const postgresAgainMsMax = 2_000
