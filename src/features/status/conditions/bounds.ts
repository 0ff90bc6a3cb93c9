// Bounds that several files share, each with its unit last in the name.

/** How far the clock may be behind the last audit entry. */
export const clockBehindMs = 60_000
